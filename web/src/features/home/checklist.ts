import type { ApiKey, JobCounts } from "@/api/generated";

/** What is so on this server; null where it is not known yet. */
export type Facts = {
  hasData: boolean | null;
  jobs: JobCounts | null;
  keys: readonly ApiKey[] | null;
  workers: number | null;
  /** A job that runs or waits, to be watched. */
  underWay: string | null;
};

export type Step = {
  id: "worker" | "data" | "job" | "verdict" | "key";
  title: string;
  why: string;
  done: boolean | null;
  /** The button that does it; none where it is done elsewhere, as `command` says. */
  action: { label: string; to: string } | null;
  command: string | null;
};

/** The way from nothing to a model that is known to be better, ticked by what is really there. */
export function checklist(facts: Facts, origin: string): Step[] {
  const { jobs, underWay } = facts;
  return [
    {
      id: "worker",
      title: "Connect a worker",
      why: "The machine that trains: this one, or any that reaches this server.",
      done: facts.workers === null ? null : facts.workers > 0,
      action: null,
      command: `tunesmith worker --url ${origin}`,
    },
    {
      id: "data",
      title: "Bring your examples",
      why: "A few dozen questions with good answers, texts with labels, or sequences.",
      done: facts.hasData,
      action: { label: "Upload examples", to: "/tune" },
      command: null,
    },
    {
      id: "job",
      title: "Start a job",
      why: "It trains a small addition to a base model on your examples.",
      done: jobs === null ? null : jobs.total > 0,
      action: { label: "Tune a model", to: "/tune" },
      command: null,
    },
    {
      id: "verdict",
      title: "See whether it became better",
      why: "Each finished job is compared with its base on records that it never saw.",
      done: jobs === null ? null : (jobs.by_status.succeeded ?? 0) > 0,
      action: underWay ? { label: "Watch it run", to: `/jobs/${underWay}` } : { label: "Tune a model", to: "/tune" },
      command: null,
    },
    {
      id: "key",
      title: "Make a key for your own tools",
      why: "Any OpenAI client can then train and ask models here.",
      done: facts.keys === null ? null : facts.keys.some(isOfATool),
      action: { label: "Make a key", to: "/settings/keys" },
      command: null,
    },
  ];
}

/** Not one of those that the first start wrote into the data folder, and still good. */
function isOfATool(key: ApiKey): boolean {
  return key.kind !== "worker" && !key.revoked_at && !key.name.endsWith(" of the data folder");
}

/** How far the list is: ticked steps, all steps, and whether everything that is known is ticked. */
export function standOf(steps: readonly Step[]): { done: number; total: number; complete: boolean } {
  const done = steps.filter((step) => step.done === true).length;
  return { done, total: steps.length, complete: done === steps.length };
}

/** The step to be done next: the first that is known to be open. */
export function nextStep(steps: readonly Step[]): Step | null {
  return steps.find((step) => step.done === false) ?? null;
}
