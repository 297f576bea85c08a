import type { Job } from "@/api/generated";
import { counted, duration } from "@/lib/format";
import { jobName } from "@/lib/job-words";

const NAMED = 5;

/** What cancelling these jobs throws away, a line each; beyond a few, the rest is counted. The costliest come first. */
export function whatIsLost(jobs: readonly Job[], now: number = Date.now() / 1000): string[] {
  const costliest = jobs.toSorted((one, other) => trainedS(other, now) - trainedS(one, now));
  const lines = costliest.slice(0, NAMED).map((job) => lossOf(job, now));
  const rest = costliest.slice(NAMED);
  if (rest.length === 0) return lines;
  const trained = rest.filter((job) => job.started_at).length;
  return [...lines, `${counted(rest.length, "more job")}, ${trained} of them already trained on`];
}

function lossOf(job: Job, now: number): string {
  const name = jobName(job);
  if (!job.started_at) return `${name} has not started: nothing but its place in line is lost`;
  const percent = Math.floor(job.progress.percent);
  return `${name} stops at ${percent} %, ${duration(trainedS(job, now))} after it started; it will yield no model`;
}

function trainedS(job: Job, now: number): number {
  return job.started_at ? Math.max(1, now - job.started_at) : 0;
}
