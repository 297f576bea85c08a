import { describe, expect, it } from "vitest";
import type { JobEstimate } from "@/api/generated";
import { EMPTY } from "@/features/tune/draft";
import { sentencesOf } from "@/features/tune/review/sentence";

const DRAFT = {
  ...EMPTY,
  goal: "chat",
  fileId: "file-1",
  datasetName: "support",
  version: 2,
  kind: "chat",
  nRecords: 320,
  baseModel: "smollm2-135m-instruct",
} as const;

const WORKER = {
  id: "worker-x",
  connected: true,
  device: "gpu",
  fits: "fits",
  why: "",
  peak_memory_bytes: 3.4e9,
  memory_bytes: 24e9,
  time_s: { value: 130, low: 90, high: 200 },
};

const ESTIMATE = {
  adaptation: "lora",
  method: "supervised",
  worker: "worker-x",
  device: "gpu",
  peak_memory_bytes: { value: 3.4e9, low: 3e9, high: 4e9 },
  time_s: { value: 130, low: 90, high: 200 },
  cost: { price_per_hour: 0, value: 0, low: 0, high: 0 },
  n_held_out: 32,
  hyperparameters: { n_epochs: 3 },
  workers: [WORKER],
} as unknown as JobEstimate;

const read = (draft: object = {}, estimate: object = {}) =>
  sentencesOf({ ...DRAFT, ...draft }, "SmolLM2 135M", { ...ESTIMATE, ...estimate } as JobEstimate).join(" ");

describe("the review reads like a sentence", () => {
  it("what, on what, how, where, for how much, and the proof", () => {
    expect(read()).toBe(
      "Train SmolLM2 135M on 320 conversations (support v2) for 3 epochs with LoRA. " +
        "It takes about 2 min on worker-x, with 3.4 GB of its 24.0 GB of GPU memory, at no cost. " +
        "32 records are held out to prove whether it got better.",
    );
  });

  it("says a price where the operator counts one", () => {
    expect(read({}, { cost: { price_per_hour: 2, value: 0.072, low: 0, high: 0 } })).toContain("costs about 0.072.");
  });

  it("says when nobody can run it, and when nobody is there", () => {
    expect(read({}, { workers: [{ ...WORKER, fits: "does_not_fit" }] })).toContain("no connected worker can run it");
    expect(read({}, { worker: null, workers: [] })).toContain("once a worker is connected");
  });

  it("says when nothing will prove it", () => {
    expect(read({}, { n_held_out: 0 })).toContain("Nothing is held out");
    expect(read({ validationFileId: "file-2" }, { n_held_out: 1 })).toContain(
      "1 record of the validation file is held",
    );
  });

  it("says what is pushed where", () => {
    expect(read({ outputModel: "me/support" })).toContain("Then the adapter is pushed to me/support on the Hub.");
    expect(read({ outputModel: "me/support", outputWeights: "merged" })).toContain("the merged weights are pushed");
    expect(read({ outputModel: "me/support" }, { adaptation: "full" })).toContain("its weights are pushed");
  });

  it("begins before the figures are there", () => {
    expect(sentencesOf(DRAFT, "SmolLM2 135M", null)).toEqual(["Train SmolLM2 135M on 320 conversations (support v2)."]);
  });
});
