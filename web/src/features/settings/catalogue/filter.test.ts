import { expect, test } from "vitest";
import type { BaseModelEntry } from "@/api/generated";
import { matching, sizeWords, sourceWords, taskWords } from "@/features/settings/catalogue/filter";

function entry(key: string, more: Partial<BaseModelEntry> = {}): BaseModelEntry {
  return {
    key,
    title: key.toUpperCase(),
    tasks: ["chat"],
    source: { type: "bundled", folder: key },
    weights: "safetensors",
    licence: "Apache-2.0",
    gated: false,
    parameters: 1,
    context: 1,
    architecture: "llama",
    chat_template: "none",
    prompt_format: "text",
    lora_targets: "all-linear",
    query_prefix: "",
    passage_prefix: "",
    needs_memory_bytes: 1,
    note: "",
    ...more,
  };
}

const ENTRIES = [entry("smol"), entry("bert", { tasks: ["classification", "embedding"], note: "many languages" })];

test("every word must be there, in any of the facts", () => {
  expect(matching(ENTRIES, null, "").length).toBe(2);
  expect(matching(ENTRIES, null, "Languages apache").map(({ key }) => key)).toEqual(["bert"]);
  expect(matching(ENTRIES, null, "languages smol")).toEqual([]);
});

test("a task keeps those that are made for it", () => {
  expect(matching(ENTRIES, "embedding", "").map(({ key }) => key)).toEqual(["bert"]);
  expect(taskWords(["embedding", "classification"])).toBe("Classify, Search");
});

test.each([
  [134_515_008, "135 M"],
  [7_241_732_096, "7.2 B"],
  [900, "900"],
])("%d weights are %s", (parameters, words) => {
  expect(sizeWords(parameters)).toBe(words);
});

test("a hub's model leads to its page, a bundled one nowhere", () => {
  expect(sourceWords(entry("a", { source: { type: "hub", repo: "org/a", revision: "main" } })).href).toBe(
    "https://huggingface.co/org/a",
  );
  expect(sourceWords(entry("a")).href).toBeNull();
});
