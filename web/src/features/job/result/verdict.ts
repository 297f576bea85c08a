import type { Comparison } from "@/api/generated";

export type Verdict = "better" | "worse" | "undecided" | "mixed";

/** What all comparisons say together; null where there is none. Better here and worse there is mixed. */
export function verdictOf(comparisons: readonly Comparison[]): Verdict | null {
  const verdicts = new Set(comparisons.map((comparison) => comparison.verdict));
  if (verdicts.size === 0) return null;
  if (verdicts.has("better") && verdicts.has("worse")) return "mixed";
  if (verdicts.has("worse")) return "worse";
  return verdicts.has("better") ? "better" : "undecided";
}

/** What the set of held-out records is, for somebody who has not seen such a split. */
export function setWords(set: Comparison["set"]): { name: string; means: string } {
  switch (set) {
    case "held_out":
      return {
        name: "Held-out records",
        means: "Records that were put aside before training: the model has not seen them.",
      };
    case "random":
      return {
        name: "Held out at random",
        means:
          "Sequences put aside by chance. Some have near relatives among those trained on, so this tells how well the model knows the families it saw.",
      };
    case "clusters":
      return {
        name: "Held out by cluster",
        means:
          "Whole groups of sequences that no training sequence is near to. This is the harder question: does what was learned reach relatives it never saw?",
      };
  }
}

/** What a person should make of the verdict. */
export function adviceOf(comparison: Comparison): string {
  const { verdict, count } = comparison;
  if (verdict === "better")
    return `The whole interval lies on the better side, over ${count} records: this is no accident of the draw.`;
  if (verdict === "worse")
    return "The tuned model does worse than the base on records it has not seen. Keep the base, or train with fewer epochs, a lower rate or more examples.";
  const { low, high } = comparison.difference;
  return low <= 0 && high >= 0
    ? `The interval holds zero: on ${count} records no difference can be told from chance. Hold out more records, or train on more.`
    : `The figures differ, but ${count} records are too few to rely on. Hold out more records to be sure.`;
}
