import { beforeEach, describe, expect, it } from "vitest";
import { type Draft, EMPTY, jobOf, missing, taskOf } from "@/features/tune/draft";
import { draftStore } from "@/features/tune/draft-store";
import { barrier, isDone, stepToShow } from "@/features/tune/steps";

const READY: Draft = { ...EMPTY, goal: "chat", fileId: "file-1", kind: "chat", nRecords: 50, baseModel: "smollm2" };

describe("taskOf", () => {
  it.each([
    ["chat", "chat"],
    ["extract", "chat"],
    ["classify", "classification"],
    ["search", "embedding"],
    ["protein", "protein"],
  ] as const)("%s trains %s", (goal, task) => expect(taskOf({ goal })).toBe(task));

  it("is null without a goal", () => expect(taskOf(EMPTY)).toBeNull());
});

describe("missing", () => {
  it("names goal, examples and model, in the order of the steps", () => {
    expect(missing(EMPTY).map((each) => each.step)).toEqual(["goal", "examples", "model"]);
    expect(missing(READY)).toEqual([]);
  });

  it.each([
    ["examples", { kind: "pair" }],
    ["examples", { nRecords: 1 }],
    ["examples", { nRecords: 0 }],
    ["examples", { nFaults: 3 }],
    ["settings", { kind: "preference" }],
    ["settings", { validationSplit: 1 }],
    ["review", { suffix: "with space" }],
    ["review", { suffix: "..." }],
    ["review", { outputModel: "no-slash" }],
    ["review", { name: "x".repeat(121) }],
  ] as const)("asks for a change of %s for %j", (step, change) =>
    expect(missing({ ...READY, ...change } as Draft).map((each) => each.step)).toEqual([step]),
  );
});

describe("jobOf", () => {
  it("is null until goal, examples and model are chosen", () => {
    expect(jobOf({ ...READY, baseModel: null })).toBeNull();
    expect(jobOf({ ...READY, fileId: null })).toBeNull();
    expect(jobOf({ ...READY, goal: null })).toBeNull();
  });

  it("sends what was set and nothing else, so that the server's defaults hold", () => {
    expect(jobOf(READY)).toEqual({
      model: "smollm2",
      training_file: "file-1",
      task: "chat",
      method: { type: "supervised", supervised: { hyperparameters: {} } },
      priority: "normal",
      backend: "huggingface",
      provider: "local",
      output_weights: "adapter",
    });
  });

  it("carries every choice", () => {
    const job = jobOf({
      ...READY,
      kind: "preference",
      method: "dpo",
      hyperparameters: { n_epochs: 2 },
      validationSplit: 0,
      adaptation: "qlora",
      name: " support ",
      suffix: "v2",
      outputModel: "me/support",
      seed: 0,
      priority: "high",
    });
    expect(job).toMatchObject({
      method: { type: "dpo", dpo: { hyperparameters: { n_epochs: 2 } } },
      validation_split: 0,
      adaptation: "qlora",
      name: "support",
      suffix: "v2",
      output_model: "me/support",
      seed: 0,
      priority: "high",
    });
    expect(job?.method).not.toHaveProperty("supervised");
  });

  it("holds out no share where a file of its own is there to judge by", () => {
    const job = jobOf({ ...READY, validationFileId: "file-2", validationSplit: 0.2 });
    expect(job?.validation_file).toBe("file-2");
    expect(job).not.toHaveProperty("validation_split");
  });
});

describe("steps", () => {
  it("open when what they stand on is there", () => {
    expect(stepToShow(EMPTY, "review")).toBe("goal");
    expect(stepToShow({ ...EMPTY, goal: "chat" }, "review")).toBe("examples");
    expect(stepToShow({ ...READY, baseModel: null }, "review")).toBe("model");
    expect(stepToShow(READY, "review")).toBe("review");
    expect(barrier(READY, "settings")).toBeNull();
  });

  it("that are done can be visited again, and an unknown one leads to the next that is not done", () => {
    expect(stepToShow(READY, "goal")).toBe("goal");
    expect(stepToShow({ ...READY, baseModel: null }, "nonsense")).toBe("model");
    expect(isDone(READY, "examples")).toBe(true);
    expect(isDone(EMPTY, "goal")).toBe(false);
  });
});

describe("the kept draft", () => {
  beforeEach(() => localStorage.clear());

  it("survives a reload", () => {
    draftStore("k", EMPTY).set({ goal: "search", name: "mine" });
    expect(draftStore("k", EMPTY).read().draft).toEqual({ ...EMPTY, goal: "search", name: "mine" });
  });

  it("does not undo what another tab changed meanwhile, and follows it", () => {
    const one = draftStore("k", EMPTY);
    const other = draftStore("k", EMPTY);
    let told = 0;
    const leave = other.subscribe(() => {
      told += 1;
    });
    one.set({ goal: "chat" });
    window.dispatchEvent(new StorageEvent("storage", { key: "k", storageArea: localStorage }));
    expect([told, other.read().draft.goal]).toEqual([1, "chat"]);
    one.set({ seed: 7 });
    other.set({ name: "mine" });
    expect(other.read().draft).toMatchObject({ goal: "chat", seed: 7, name: "mine" });
    leave();
  });

  it("can be brought back after starting over, also in another tab", () => {
    const one = draftStore("k", EMPTY);
    one.set({ goal: "protein" });
    one.reset();
    expect(one.read().draft).toEqual(EMPTY);
    one.restore();
    expect(draftStore("k", EMPTY).read()).toMatchObject({ draft: { goal: "protein" }, before: null });
  });

  it("drops keys that are no longer known and begins anew where the stored text is damaged", () => {
    localStorage.setItem("k", JSON.stringify({ draft: { goal: "chat", gone: 1 } }));
    expect(draftStore("k", EMPTY).read().draft).toEqual({ ...EMPTY, goal: "chat" });
    localStorage.setItem("k", "{damaged");
    expect(draftStore("k", EMPTY).read().draft).toEqual(EMPTY);
  });

  it("goes on in the tab, and says so, where the browser keeps nothing", () => {
    const full: Storage = {
      ...localStorage,
      getItem: () => null,
      setItem: () => {
        throw new DOMException("full");
      },
    } as Storage;
    const store = draftStore("k", EMPTY, full);
    store.set({ goal: "chat" });
    store.set({ seed: 1 });
    expect(store.read()).toMatchObject({ kept: false, draft: { goal: "chat", seed: 1 } });
  });
});
