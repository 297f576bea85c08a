import type { Job } from "@/api/generated";
import { jobName } from "@/lib/job-words";

/** A run that has ended, as the bell tells it. */
export interface EndedRun {
  jobId: string;
  name: string;
  status: "succeeded" | "failed" | "cancelled";
  /** What came of it, in a sentence. */
  sentence: string;
  /** Seconds since 1970. */
  at: number;
  seen: boolean;
}

export interface EndedLog {
  runs: readonly EndedRun[];
  /** Runs that ended before then were told, or were before this browser's time. */
  since: number;
}

export const MOST_RUNS = 20;

export function endedRun(job: Job): EndedRun | null {
  const { status } = job;
  if (status !== "succeeded" && status !== "failed" && status !== "cancelled") return null;
  const at = job.finished_at ?? job.created_at;
  // Who cancels a run knows it.
  return { jobId: job.id, name: jobName(job), status, sentence: sentenceOf(job), at, seen: status === "cancelled" };
}

/** The verdict, the error, or how far it came. */
function sentenceOf(job: Job): string {
  if (job.status === "failed") return job.error?.message ?? "It failed without a word. Its log says more.";
  if (job.status === "cancelled") {
    const { step, total_steps } = job.progress;
    return step > 0
      ? `Cancelled at step ${step}${total_steps ? ` of ${total_steps}` : ""}.`
      : "Cancelled before it began.";
  }
  return job.headline?.sentence ?? "The model is ready to be used.";
}

/** The log with the run in it, newest first; null when it stands there already as it is. */
export function withRun(log: EndedLog, run: EndedRun): EndedLog | null {
  if (log.runs.some((each) => each.jobId === run.jobId)) return null;
  const runs = [...log.runs, run].sort((a, b) => b.at - a.at).slice(0, MOST_RUNS);
  return { ...log, runs };
}

/** The log with what ended while this browser was not listening; on its first day everything counts as seen. */
export function withPast(log: EndedLog | null, past: readonly EndedRun[], now: number): EndedLog {
  let next: EndedLog = log ?? { runs: [], since: now };
  for (const run of past) next = withRun(next, { ...run, seen: run.seen || run.at <= next.since }) ?? next;
  return { ...next, since: now };
}

export function allSeen(log: EndedLog): EndedLog {
  return { ...log, runs: log.runs.map((run) => (run.seen ? run : { ...run, seen: true })) };
}

export function unseen(log: EndedLog): number {
  return log.runs.filter((run) => !run.seen).length;
}

/** What was kept, or null where it is nothing that can be read. */
export function readLog(text: string | null): EndedLog | null {
  if (text === null) return null;
  try {
    const log = JSON.parse(text) as Partial<EndedLog> | null;
    if (!log || typeof log.since !== "number" || !Array.isArray(log.runs)) return null;
    return { since: log.since, runs: log.runs.filter(isRun) };
  } catch {
    return null; // Written by hand, or cut off: as if nothing were kept.
  }
}

function isRun(run: unknown): run is EndedRun {
  const each = run as Partial<EndedRun> | null;
  return (
    typeof each?.jobId === "string" &&
    typeof each.name === "string" &&
    typeof each.sentence === "string" &&
    typeof each.at === "number" &&
    typeof each.seen === "boolean" &&
    (each.status === "succeeded" || each.status === "failed" || each.status === "cancelled")
  );
}
