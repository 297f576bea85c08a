import type { Report } from "@/api/files";
import type { RecordKind } from "@/api/generated";
import { type Goal, kindsOf } from "@/features/tune/draft";
import { GOAL_ORDER } from "@/features/tune/goal/goals";
import { count, counted } from "@/lib/format";

/** What one record of a kind is called, and several. */
const NOUNS: Record<RecordKind, [string, string]> = {
  chat: ["conversation", "conversations"],
  completion: ["prompt with its completion", "prompts with their completions"],
  instruction: ["question with its answer", "questions with their answers"],
  preference: ["prompt with a preferred and a rejected answer", "prompts with a preferred and a rejected answer"],
  classification: ["labelled text", "labelled texts"],
  sentence: ["text", "texts"],
  pair: ["pair of texts", "pairs of texts"],
  triplet: ["triplet of texts", "triplets of texts"],
  scored_pair: ["scored pair of texts", "scored pairs of texts"],
  sequence: ["protein sequence", "protein sequences"],
  labelled_sequence: ["labelled protein sequence", "labelled protein sequences"],
};

export function kindPlural(kind: RecordKind): string {
  return NOUNS[kind][1];
}

/** "320 conversations, median 412 characters; 3 lines cannot be read, 12 are duplicates." */
export function foundSentence(report: Report): string {
  if (!report.kind) return report.n_faults ? `${lines(report.n_faults)} cannot be read, and no other is there.` : "";
  const what = counted(report.n_records, ...NOUNS[report.kind]);
  const length = report.length ? `, median ${count(report.length.median)} ${report.length.unit}` : "";
  const odd = [
    ...(report.n_faults ? [`${lines(report.n_faults)} cannot be read`] : []),
    ...(report.duplicates
      ? [`${count(report.duplicates)} ${report.duplicates === 1 ? "is a duplicate" : "are duplicates"}`]
      : []),
  ];
  return `${what}${length}${odd.length ? `; ${odd.join(", ")}` : ""}.`;
}

function lines(n: number): string {
  return counted(n, "line");
}

/** The goals that records of this kind can train. */
export function goalsFor(kind: RecordKind): Goal[] {
  return GOAL_ORDER.filter((goal) => kindsOf(goal).includes(kind));
}

const FEW = 10;
const JUDGED = 20;

/** What so few records mean for the run; null when there are enough for a verdict. */
export function tooFew(n: number): { level: "error" | "warn"; text: string } | null {
  if (n < 2) return { level: "error", text: "A run needs two examples at the least. Add more before you go on." };
  if (n < FEW)
    return {
      level: "warn",
      text: `${counted(n, "example")} are too few to learn from: the model would learn them by heart. Add examples until there are 50 or more; ${FEW} are the least that can show anything.`,
    };
  if (n < JUDGED)
    return {
      level: "warn",
      text: `With fewer than ${JUDGED} examples none is held out, so that the run cannot say whether the model became better. Add ${JUDGED - n} more for a verdict.`,
    };
  return null;
}

const ROLES: Record<string, string> = {
  messages: "Conversation (messages)",
  tools: "Tools of the conversation",
  prompt: "Prompt: what is asked",
  completion: "Completion: what follows",
  instruction: "Instruction: what is asked",
  input: "Input: what it is about",
  output: "Output: the right answer",
  response: "Response: the right answer",
  system: "System: how to behave",
  chosen: "Preferred answer",
  rejected: "Rejected answer",
  preferred_output: "Preferred answer",
  non_preferred_output: "Rejected answer",
  text: "Text",
  label: "Label: one class",
  labels: "Labels: several classes",
  anchor: "Looked for (anchor)",
  positive: "Belongs to it (positive)",
  negative: "Does not belong (negative)",
  negatives: "Do not belong (negatives)",
  query: "Query: looked for",
  document: "Document: belongs to it",
  question: "Question",
  answer: "Answer",
  sentence1: "One text",
  sentence2: "The other text",
  text1: "One text",
  text2: "The other text",
  score: "How alike, 0 to 1 (score)",
  score_5: "How alike, 0 to 5 (score)",
  sequence: "Protein sequence",
  id: "Id of the sequence",
};

/** A column's role in words; a role that has none is shown as it is. */
export function roleWords(role: string): string {
  return ROLES[role] ?? role;
}
