import { describe, expect, it } from "vitest";
import type { Job } from "@/api/generated";
import { ghostsOf } from "@/features/job/training/ghosts";

function job(id: string, more: Partial<Job> = {}): Job {
  return {
    id,
    status: "succeeded",
    model: "protein-mini",
    base_model: "protein-mini",
    task: "protein",
    method: { type: "supervised" },
    training_file: "file-1",
    dataset: null,
    fine_tuned_model: `ft:${id}`,
    name: id,
    ...more,
  } as Job;
}

function scored(id: string, value: number, more: Partial<Job> = {}): Job {
  const headline = { metric: "perplexity", set: "random", value, higher_is_better: false } as Job["headline"];
  return job(id, { headline, ...more });
}

describe("the ghost behind a run's curve", () => {
  it("is the best finished run on the same data, by the direction of its metric", () => {
    const others = [scored("a", 15), scored("b", 12), scored("c", 13), scored("d", 2, { training_file: "file-2" })];
    expect(ghostsOf(job("me"), others).map((g) => g.jobId)).toEqual(["b"]);
    const accuracy = (id: string, value: number) =>
      job(id, { headline: { metric: "accuracy", set: "held_out", value, higher_is_better: true } });
    expect(ghostsOf(job("me"), [accuracy("a", 0.6), accuracy("b", 0.9)])[0]?.jobId).toBe("b");
  });

  it("comes after the parent, whose model this run went on from, and no run is offered twice", () => {
    const parent = scored("parent", 11);
    const mine = job("me", { model: "ft:parent" });
    expect(ghostsOf(mine, [parent, scored("b", 12)]).map((g) => [g.why, g.jobId])).toEqual([
      ["parent", "parent"],
      ["best", "b"],
    ]);
    expect(ghostsOf(mine, [parent]).map((g) => g.why)).toEqual(["parent"]);
  });

  it("is never the run itself, an unfinished one, or one whose loss means something else", () => {
    const me = scored("me", 1);
    const others = [
      me,
      scored("running", 2, { status: "running" }),
      scored("other base", 3, { base_model: "protgpt2" }),
      scored("dpo", 4, { method: { type: "dpo" } as Job["method"] }),
    ];
    expect(ghostsOf(me, others)).toEqual([]);
  });

  it("versions of one data set count as the same data", () => {
    const dataset = (version: number) => ({ id: "ds_1", name: "globins", version });
    const other = scored("v1", 5, { training_file: "file-9", dataset: dataset(1) });
    expect(ghostsOf(job("me", { dataset: dataset(2) }), [other])[0]?.jobId).toBe("v1");
  });
});
