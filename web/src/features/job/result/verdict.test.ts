import { describe, expect, it } from "vitest";
import type { Comparison } from "@/api/generated";
import { adviceOf, verdictOf } from "@/features/job/result/verdict";

function comparison(verdict: Comparison["verdict"], low = -0.5, high = -0.1): Comparison {
  const estimate = { value: 1, low: 1, high: 1 };
  return {
    set: "held_out",
    metric: "loss",
    higher_is_better: false,
    count: 4,
    before: estimate,
    after: estimate,
    difference: { value: (low + high) / 2, low, high },
    verdict,
    sentence: "",
  };
}

describe("the verdict of several comparisons", () => {
  it.each([
    [["better", "better"], "better"],
    [["better", "undecided"], "better"],
    [["better", "worse"], "mixed"],
    [["undecided", "worse"], "worse"],
    [["undecided"], "undecided"],
  ] as const)("%j together is %s", (verdicts, whole) => {
    expect(verdictOf(verdicts.map((verdict) => comparison(verdict)))).toBe(whole);
  });

  it("there is none without a comparison", () => expect(verdictOf([])).toBeNull());

  it("undecided says why: chance, or too few records", () => {
    expect(adviceOf(comparison("undecided", -0.2, 0.1))).toContain("holds zero");
    expect(adviceOf(comparison("undecided"))).toContain("4 records are too few");
  });
});
