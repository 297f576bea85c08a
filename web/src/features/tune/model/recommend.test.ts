import { describe, expect, it } from "vitest";
import type { BaseModelEntry, ModelVersion } from "@/api/generated";
import type { Fit, FitState } from "@/features/tune/model/fit";
import { offersOf } from "@/features/tune/model/offers";
import { recommend } from "@/features/tune/model/recommend";

function base(key: string, more: Partial<BaseModelEntry>): BaseModelEntry {
  return {
    key,
    title: key,
    tasks: ["chat"],
    source: { type: "hub", repo: `org/${key}`, revision: "main" },
    weights: "safetensors",
    licence: "Apache-2.0",
    gated: false,
    parameters: 100e6,
    context: 512,
    architecture: "bert",
    chat_template: "none",
    prompt_format: "text",
    lora_targets: "all-linear",
    needs_memory_bytes: 1e9,
    query_prefix: "",
    passage_prefix: "",
    note: "",
    ...more,
  };
}

const PACKAGE = { type: "package", requirement: "x==1", member: "m", sha256: "0" } as const;
const CATALOG = [
  base("small-chat", { tasks: ["chat", "classification"], parameters: 135e6, chat_template: "model", source: PACKAGE }),
  base("plain-7b", { parameters: 7e9 }),
  base("gated-12b", { parameters: 12e9, gated: true, chat_template: "model" }),
  base("minilm", { tasks: ["embedding", "classification"], parameters: 22e6, source: PACKAGE }),
  base("multilingual-e5", { tasks: ["embedding", "classification"], parameters: 278e6 }),
  base("esm", { tasks: ["embedding", "classification"], architecture: "esm", parameters: 7e6 }),
  base("protein-mini", { tasks: ["protein"], prompt_format: "residues", source: { type: "bundled", folder: "p" } }),
];

const keys = (offers: { id: string }[]) => offers.map((offer) => offer.id);
const fitting = (state: FitState, ...ids: string[]): [string, Fit][] => ids.map((id) => [id, { state, text: "" }]);

describe("which models are offered", () => {
  it("those that can do the task, near ones and small ones first", () => {
    expect(keys(offersOf(CATALOG, [], "chat", "chat").bases)).toEqual(["small-chat", "plain-7b", "gated-12b"]);
    expect(keys(offersOf(CATALOG, [], "embedding", "pair").bases)).toEqual(["minilm", "multilingual-e5"]);
  });

  it("those that read the records: residues are not words", () => {
    expect(keys(offersOf(CATALOG, [], "embedding", "sequence").bases)).toEqual(["esm"]);
    expect(keys(offersOf(CATALOG, [], "classification", "labelled_sequence").bases)).toEqual(["esm"]);
    expect(keys(offersOf(CATALOG, [], "protein", "sequence").bases)).toEqual(["protein-mini"]);
  });

  it("the project's own models of that task", () => {
    const model = (id: string, task: string, base_model: string) => ({ id, task, base_model, family: id, version: 2 });
    const tuned = [
      model("ft:small-chat:me:support:1", "chat", "small-chat"),
      model("ft:small-chat:me:labels:2", "classification", "small-chat"),
      model("ft:gone:me::3", "chat", "gone"),
    ] as ModelVersion[];
    expect(keys(offersOf(CATALOG, tuned, "chat", "chat").tuned)).toEqual(["ft:small-chat:me:support:1"]);
  });
});

describe("which one is recommended", () => {
  const chat = offersOf(CATALOG, [], "chat", "chat").bases;
  const search = offersOf(CATALOG, [], "embedding", "pair").bases;

  it("none before every fit is known", () => {
    const fits = new Map([...fitting("fits", "small-chat"), ...fitting("asking", "plain-7b", "gated-12b")]);
    expect(recommend(chat, fits, { task: "chat", english: true })).toBeNull();
  });

  it("one that fits, is made for the task and needs no account, with the reason", () => {
    const fits = new Map(fitting("fits", "small-chat", "plain-7b", "gated-12b"));
    expect(recommend(chat, fits, { task: "chat", english: true })).toEqual({
      id: "small-chat",
      reason: "Made for conversations, small enough for a worker that is connected and needs no account anywhere.",
    });
  });

  it("what does not fit is never recommended, what is tight only when nothing else fits", () => {
    const none = new Map(fitting("does_not_fit", "small-chat", "plain-7b", "gated-12b"));
    expect(recommend(chat, none, { task: "chat", english: null })).toBeNull();
    const one = new Map([
      ...fitting("tight", "small-chat"),
      ...fitting("fits", "plain-7b"),
      ...fitting("unknown", "gated-12b"),
    ]);
    expect(recommend(chat, one, { task: "chat", english: null })?.id).toBe("plain-7b");
  });

  it("a multilingual one for examples that are not English", () => {
    const fits = new Map(fitting("fits", "minilm", "multilingual-e5"));
    expect(recommend(search, fits, { task: "embedding", english: true })?.id).toBe("minilm");
    const other = recommend(search, fits, { task: "embedding", english: false });
    expect(other?.id).toBe("multilingual-e5");
    expect(other?.reason).toContain("other languages than English");
  });

  it("by what an ordinary machine holds while no worker is connected", () => {
    const fits = new Map(fitting("no_worker", "small-chat", "plain-7b", "gated-12b"));
    expect(recommend(chat, fits, { task: "chat", english: null })?.reason).toContain("ordinary machine");
  });
});
