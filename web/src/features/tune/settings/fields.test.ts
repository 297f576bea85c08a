import { describe, expect, it } from "vitest";
import { concerns, faultOf, GROUPS, HYPERPARAMETERS, LABELS, shown } from "@/features/tune/settings/fields";

describe("fields", () => {
  it("every hyperparameter of the server has its place and its name, and no other has", () => {
    const placed = GROUPS.flatMap((group) => group.fields).sort();
    expect(placed).toEqual(Object.keys(HYPERPARAMETERS).sort());
    expect(Object.keys(LABELS).sort()).toEqual(placed);
  });

  it.each([
    ["n_epochs", 0, "At least 1."],
    ["n_epochs", 51, "At most 50."],
    ["n_epochs", 2.5, "Give a whole number."],
    ["n_epochs", 50, null],
    ["learning_rate", 0, "More than 0."],
    ["learning_rate", 0.0003, null],
    ["lora_dropout", 1, "Less than 1."],
    ["use_dora", true, null],
  ])("%s of %s: %s", (name, value, fault) => {
    const field = HYPERPARAMETERS[name];
    expect(field && faultOf(field, value)).toBe(fault);
  });

  it("lists are checked item by item", () => {
    const field = HYPERPARAMETERS.matryoshka_dims;
    expect(field && faultOf(field, [256, 128])).toBeNull();
    expect(field && faultOf(field, [4])).toContain("from 8 to 8192");
    expect(field && faultOf(field, [9, 10, 11, 12, 13, 14, 15, 16, 17])).toBe("At most 8 of them.");
  });

  it("only what the run looks at is asked for", () => {
    const chat = { task: "chat", adaptation: "lora", method: "supervised" } as const;
    expect(["lora_rank", "beta", "loss", "class_weights"].map((name) => concerns(name, chat))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(concerns("lora_rank", { ...chat, adaptation: "full" })).toBe(false);
    expect(concerns("beta", { ...chat, method: "dpo" })).toBe(true);
    expect(concerns("loss", { ...chat, task: "embedding" })).toBe(true);
  });

  it("values read as a person says them", () => {
    expect([0.00026012, 3, true, [256, 128], "multiple_negatives", null].map(shown)).toEqual([
      "0.00026",
      "3",
      "on",
      "256, 128",
      "multiple negatives",
      "by the data",
    ]);
  });
});
