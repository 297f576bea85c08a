import { describe, expect, it } from "vitest";
import type { JobCreate } from "@/api/generated";
import { jobOf, missing } from "@/features/tune/draft";
import { changed, cloned } from "@/features/tune/draft-from";

/** As the server answers it: with every key, most of them null or `auto`. */
const REQUEST = {
  model: "smollm2-135m-instruct",
  training_file: "file-1",
  validation_file: null,
  suffix: "support",
  seed: 7,
  metadata: { team: "blue" },
  method: {
    type: "dpo",
    supervised: { hyperparameters: { n_epochs: "auto" } },
    dpo: { hyperparameters: { n_epochs: 2, learning_rate: "auto", beta: 0.2, use_dora: false, matryoshka_dims: [] } },
  },
  hyperparameters: null,
  integrations: null,
  name: "Support",
  priority: "high",
  project: null,
  task: "chat",
  adaptation: "qlora",
  backend: "huggingface",
  provider: "local",
  validation_split: 0.2,
  output_model: "me/support",
  output_weights: "merged",
} as unknown as JobCreate;
const JOB = { id: "ftjob-1", task: "chat" as const, dataset: { id: "ds-1", name: "support", version: 3 } };

describe("a cloned job", () => {
  it("after a failure takes what is to be changed from the address, and begins where that stands", () => {
    const filled = { draft: cloned(REQUEST, JOB), step: "review" as const };
    const search = new URLSearchParams("clone=ftjob-1&batch_size=4&max_seq_len=none&n_epochs=50&step=settings");
    const { draft, step } = changed(filled, search);
    expect(draft.hyperparameters).toEqual({ ...filled.draft.hyperparameters, batch_size: 4 });
    expect(step).toBe("settings");
    expect(changed(filled, new URLSearchParams("clone=ftjob-1&step=nowhere"))).toEqual(filled);
  });

  it("becomes a draft that makes the same job again", () => {
    const draft = cloned(REQUEST, JOB);
    expect(missing(draft)).toEqual([]);
    expect(draft).toMatchObject({ datasetId: "ds-1", version: 3, clonedFrom: "ftjob-1", goal: "chat" });
    expect(jobOf(draft)).toEqual({
      model: "smollm2-135m-instruct",
      training_file: "file-1",
      suffix: "support",
      seed: 7,
      metadata: { team: "blue" },
      method: { type: "dpo", dpo: { hyperparameters: { n_epochs: 2, beta: 0.2, use_dora: false } } },
      name: "Support",
      priority: "high",
      task: "chat",
      adaptation: "qlora",
      backend: "huggingface",
      provider: "local",
      validation_split: 0.2,
      output_model: "me/support",
      output_weights: "merged",
    });
  });

  it("takes the settings also from where older clients put them", () => {
    const old = { ...REQUEST, method: null, hyperparameters: { n_epochs: 4 } } as unknown as JobCreate;
    expect(cloned(old, JOB)).toMatchObject({ method: "supervised", hyperparameters: { n_epochs: 4 } });
  });
});
