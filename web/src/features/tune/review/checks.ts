import type { Draft } from "@/features/tune/draft";
import { JOB_FIELDS } from "@/features/tune/settings/fields";

type Typed = "name" | "suffix" | "output_model";

const WRONG: Record<Typed, string> = {
  name: "",
  suffix: "Use letters, digits, dots, _ and - only, and not dots alone.",
  output_model: "Write it as user/model-name: letters, digits, dots, _ and - on both sides of one slash.",
};

/** What is wrong with a text as it stands, by the server's own pattern; null when nothing is, or nothing is typed. */
export function faultOfText(name: Typed, text: string): string | null {
  const field = JOB_FIELDS[name];
  if (!text || !field) return null;
  if (field.maxLength !== undefined && text.length > field.maxLength)
    return `At most ${field.maxLength} characters; these are ${text.length}.`;
  if (field.pattern !== undefined && !new RegExp(field.pattern).test(text)) return WRONG[name];
  return name === "suffix" && !text.replaceAll(".", "") ? WRONG.suffix : null;
}

/** The first text of this step that the server would refuse. */
export function firstFault(draft: Draft): Typed | null {
  if (faultOfText("name", draft.name.trim())) return "name";
  if (faultOfText("suffix", draft.suffix)) return "suffix";
  return faultOfText("output_model", draft.outputModel) ? "output_model" : null;
}
