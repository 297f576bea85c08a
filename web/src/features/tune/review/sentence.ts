import type { JobEstimate } from "@/api/generated";
import type { Draft } from "@/features/tune/draft";
import { kindPlural } from "@/features/tune/examples/words";
import { bestWorker } from "@/features/tune/model/fit";
import { bytes, count, counted, duration, figure } from "@/lib/format";

const HOW = { lora: "with LoRA", qlora: "with LoRA over four bits (QLoRA)", full: "in full" } as const;

/** What is about to happen, to be read once more: what is trained, on what, how, where, at what cost, and the proof. */
export function sentencesOf(draft: Draft, title: string, estimate: JobEstimate | null): string[] {
  if (!estimate) return [`Train ${title} on ${examplesOf(draft)}.`];
  const { n_epochs } = estimate.hyperparameters;
  const how = `${HOW[estimate.adaptation]}${estimate.method === "dpo" ? ", by preferences (DPO)" : ""}`;
  return [
    `Train ${title} on ${examplesOf(draft)} for ${counted(n_epochs, "epoch")} ${how}.`,
    `It takes about ${duration(estimate.time_s.value)}${whereOf(estimate)}${costOf(estimate)}.`,
    proofOf(draft, estimate),
    ...(draft.outputModel ? [`Then ${weightsOf(draft, estimate)} pushed to ${draft.outputModel} on the Hub.`] : []),
  ];
}

function examplesOf(draft: Draft): string {
  const n = draft.nRecords === null ? "your" : count(draft.nRecords);
  const what = draft.kind ? kindPlural(draft.kind) : "examples";
  const from = draft.datasetName ? ` (${draft.datasetName}${draft.version ? ` v${draft.version}` : ""})` : "";
  return `${n} ${what}${from}`;
}

function whereOf(estimate: JobEstimate): string {
  const worker = bestWorker(estimate);
  const memory = bytes(estimate.peak_memory_bytes.value);
  if (!worker) return ` on two CPU cores and ${memory} of memory, once a worker is connected`;
  if (worker.fits === "does_not_fit") return `, and no connected worker can run it`;
  const kind = estimate.device === "gpu" ? "GPU memory" : "memory";
  return ` on ${worker.id}, with ${memory} of its ${bytes(worker.memory_bytes)} of ${kind}`;
}

function costOf(estimate: JobEstimate): string {
  return estimate.cost.price_per_hour ? `, and costs about ${figure(estimate.cost.value)}` : ", at no cost";
}

function proofOf(draft: Draft, estimate: JobEstimate): string {
  const n = estimate.n_held_out;
  if (!n) return "Nothing is held out, so it will not be told whether the model got better.";
  const from = draft.validationFileId ? " of the validation file" : "";
  return `${counted(n, "record")}${from} ${n === 1 ? "is" : "are"} held out to prove whether it got better.`;
}

function weightsOf(draft: Draft, estimate: JobEstimate): string {
  if (estimate.adaptation === "full") return "its weights are";
  return draft.outputWeights === "merged" ? "the merged weights are" : "the adapter is";
}
