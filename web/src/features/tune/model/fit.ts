import { messageOf } from "@/api/error";
import type { JobEstimate, WorkerFit } from "@/api/generated";
import { bytes, duration } from "@/lib/format";

export type FitState = "asking" | "fits" | "tight" | "does_not_fit" | "no_worker" | "unknown";

/** Whether a model would fit, in a word and a sentence. */
export interface Fit {
  state: FitState;
  text: string;
}

const RANK = { fits: 0, tight: 1, does_not_fit: 2 };

/** What the estimate says of the connected workers: of the one that would take it best. */
export function fitOf(estimate: JobEstimate): Fit {
  const worker = bestWorker(estimate);
  const needs = bytes(estimate.peak_memory_bytes.value);
  if (!worker) return { state: "no_worker", text: `It needs about ${needs}. No worker is connected yet.` };
  const has = `${bytes(worker.memory_bytes)} of ${worker.device === "gpu" ? "GPU memory" : "memory"}`;
  if (!worker.time_s) return { state: "does_not_fit", text: `${worker.id}: ${worker.why}` };
  const likely = bytes(worker.peak_memory_bytes);
  switch (worker.fits) {
    case "fits":
      return { state: "fits", text: `${likely} of ${has} on ${worker.id}, about ${duration(worker.time_s.value)}` };
    case "tight":
      return { state: "tight", text: `${likely}, maybe more, and ${worker.id} has ${has}` };
    case "does_not_fit":
      return { state: "does_not_fit", text: `It needs about ${likely}, and ${worker.id} has ${has}` };
  }
}

/** The connected worker that could take it best; undefined when none is connected. */
export function bestWorker(estimate: JobEstimate): WorkerFit | undefined {
  const connected = estimate.workers.filter((worker) => worker.connected);
  const chosen = connected.find((worker) => worker.id === estimate.worker);
  return chosen ?? [...connected].sort((a, b) => RANK[a.fits] - RANK[b.fits])[0];
}

export function fitOfError(error: unknown): Fit {
  return { state: "unknown", text: messageOf(error) };
}
