import type { ColumnRole } from "@/api/generated";
import type { Goal } from "@/features/tune/draft";

const WANTED: Record<Goal, string[]> = {
  chat: ["instruction", "output"],
  extract: ["instruction", "output"],
  classify: ["text", "label"],
  search: ["anchor", "positive"],
  protein: ["sequence"],
};
const NAMES: Record<string, RegExp> = {
  instruction: /question|ask|prompt|query|input|request|user|source|from|subject|title/i,
  output: /answer|repl(y|ies)|completion|response|output|target|result|assistant|json|extracted/i,
  text: /text|body|message|comment|content|sentence|review|description|title|ticket/i,
  label: /label|class|categor|tag|topic|sentiment|type|intent|team|queue/i,
  anchor: /question|query|anchor|ask|search|title|left/i,
  positive: /answer|document|positive|passage|article|text|body|right/i,
  sequence: /seq|protein|residue|chain/i,
};
const RESIDUES = /^[A-Z*-]{8,}$/;

/** Whether the roles make a record of the goal. */
export function isWhole(roles: Record<string, string>, goal: Goal): boolean {
  return WANTED[goal].every((role) => Object.values(roles).includes(role));
}

/** Roles by column for a table whose columns are unknown: by their names first, then by what stands in them. Columns
 *  that are not named here stay unused. */
export function suggestRoles(
  columns: Required<ColumnRole>[],
  goal: Goal,
  possible: string[],
  how = { byNameAlone: false },
): Record<string, string> {
  const found: Record<string, string> = {};
  const free = (column: Required<ColumnRole>) => !(column.name in found);
  for (const role of WANTED[goal].filter((each) => possible.includes(each))) {
    const left = columns.filter(free);
    const named = left.find((column) => NAMES[role]?.test(column.name));
    const chosen = named ?? (how.byNameAlone ? undefined : byContent(left, role));
    if (chosen) found[chosen.name] = role;
  }
  return found;
}

/** Labels are short, sequences are residues; of the rest the first with the longest text. */
function byContent(columns: Required<ColumnRole>[], role: string): Required<ColumnRole> | undefined {
  if (role === "sequence") return columns.find((column) => column.examples.some((each) => RESIDUES.test(each)));
  const sorted = columns.filter((column) => column.examples.length > 0).sort((a, b) => longest(b) - longest(a));
  return role === "label" ? sorted.at(-1) : sorted[0];
}

function longest(column: Required<ColumnRole>): number {
  return Math.max(0, ...column.examples.map((each) => each.length));
}
