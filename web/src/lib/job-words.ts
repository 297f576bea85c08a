import type { Job } from "@/api/generated";
import { figure } from "@/lib/format";

/** What a person calls the job: its name, else the suffix of its model, else its id. */
export function jobName(job: Pick<Job, "id" | "name" | "user_provided_suffix">): string {
  return job.name ?? job.user_provided_suffix ?? job.id;
}

const PHASES: Record<string, string> = {
  fetching_inputs: "Fetching data and model",
  starting: "Starting",
  loading_data: "Reading the examples",
  splitting: "Setting records aside",
  loading_model: "Loading the model",
  evaluating_base: "Measuring the base",
  training: "Training",
  evaluating: "Measuring the tuned model",
  saving: "Saving",
  uploading_result: "Handing in the model",
};

/** A run's phase in words; one that is new to this page is shown as the worker wrote it. */
export function phaseWords(phase: string): string {
  const words = PHASES[phase] ?? phase.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What the job does now, beside its state: the phase of a running one, null where the state says it all. */
export function doingNow(job: Pick<Job, "status" | "pause_requested" | "progress">): string | null {
  if (job.status !== "running") return null;
  if (job.pause_requested) return "Pausing after the next checkpoint";
  return job.progress.phase ? phaseWords(job.progress.phase) : null;
}

const METRICS: Record<string, string> = {
  loss: "loss",
  perplexity: "perplexity",
  preference_accuracy: "preferred answers",
  accuracy: "accuracy",
  macro_f1: "macro F1",
  ndcg_at_10: "nDCG@10",
  mrr: "MRR",
  recall_at_1: "recall@1",
  recall_at_10: "recall@10",
  spearman: "Spearman",
};

/** A metric as its field writes it. */
export function metricWords(metric: string): string {
  return METRICS[metric] ?? metric.replaceAll("_", " ");
}

export type Change = {
  arrow: "↑" | "↓" | "→";
  by: string;
  word: "better" | "worse" | "undecided" | "lower" | "higher";
};

/** How the headline's figure moved from the base's; null where the base's is not known. The word is the comparison's
 *  verdict where there is one: a difference that may be chance is not called better. */
export function changeOf(headline: NonNullable<Job["headline"]>): Change | null {
  if (headline.before === null || headline.before === undefined) return null;
  const by = headline.value - headline.before;
  const arrow = by > 0 ? "↑" : by < 0 ? "↓" : "→";
  const word = headline.verdict ?? (by > 0 ? "higher" : "lower");
  return { arrow, by: figure(Math.abs(by)), word };
}

export function ended(status: Job["status"]): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

export function waits(status: Job["status"]): boolean {
  return status === "validating_files" || status === "queued";
}

/** What may be asked of a job in its state; what may not is not offered. */
export function may(job: Pick<Job, "status" | "pause_requested">) {
  return {
    cancel: !ended(job.status),
    pause: (job.status === "queued" || job.status === "running") && !job.pause_requested,
    resume: job.status === "paused" || (job.status === "running" && job.pause_requested),
    prioritise: waits(job.status) || job.status === "paused",
  };
}
