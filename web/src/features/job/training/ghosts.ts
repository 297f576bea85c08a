import type { Job } from "@/api/generated";
import { sameData } from "@/features/job/same-data";
import { jobName } from "@/lib/job-words";

/** Another run whose loss may be drawn behind this one's. */
export interface Ghost {
  jobId: string;
  why: "parent" | "best";
  label: string;
}

/** The run whose model this one goes on from, and the best finished one on the same data; each only where there is
 *  one, and never the job itself. */
export function ghostsOf(job: Job, others: readonly Job[]): Ghost[] {
  const parent = others.find((other) => other.id !== job.id && other.fine_tuned_model === job.model);
  const best = bestOf(others.filter((other) => other.id !== job.id && other.id !== parent?.id && alike(job, other)));
  const ghosts: Ghost[] = [];
  if (parent) ghosts.push({ jobId: parent.id, why: "parent", label: `Parent run: ${jobName(parent)}` });
  if (best) ghosts.push({ jobId: best.id, why: "best", label: `Best on this data: ${jobName(best)}` });
  return ghosts;
}

/** Losses can be laid over each other only for the same task by the same method, on the same data, from the same base. */
function alike(job: Job, other: Job): boolean {
  return (
    sameData(job, other) &&
    other.task === job.task &&
    other.method.type === job.method.type &&
    other.base_model === job.base_model
  );
}

function bestOf(others: readonly Job[]): Job | undefined {
  const first = others.find((other) => other.status === "succeeded" && other.headline);
  if (!first?.headline) return others.find((other) => other.status === "succeeded");
  const { metric, set, higher_is_better } = first.headline;
  const comparable = others.filter(
    ({ status, headline }) => status === "succeeded" && headline?.metric === metric && headline.set === set,
  );
  return comparable.reduce((best, other) => {
    const [a, b] = [best.headline?.value ?? 0, other.headline?.value ?? 0];
    return (higher_is_better ? b > a : b < a) ? other : best;
  });
}
