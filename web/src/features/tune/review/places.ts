import { ApiError, messageOf } from "@/api/error";
import type { StepId } from "@/features/tune/draft";

/** Where in the draft a refusal of the server belongs. */
export interface Place {
  step: StepId;
  /** The field there, by the server's own name; null when the step as a whole is meant. */
  field: string | null;
}

const STEP_OF: Record<string, StepId> = {
  task: "goal",
  training_file: "examples",
  validation_file: "examples",
  model: "model",
  adaptation: "settings",
  method: "settings",
  hyperparameters: "settings",
  validation_split: "settings",
  seed: "settings",
  name: "review",
  suffix: "review",
  output_model: "review",
  output_weights: "review",
  priority: "review",
  metadata: "review",
  project: "review",
};

/** The place of an error by the parameter that it names; null when it names none that the draft has. */
export function placeOf(error: unknown): Place | null {
  if (!(error instanceof ApiError) || !error.param) return null;
  const parts = error.param.split(/[.[]/);
  const step = STEP_OF[parts[0] ?? ""];
  if (!step) return null;
  return { step, field: fieldOf(parts) };
}

/** "method.dpo.hyperparameters.beta" is the field beta, "method.type" the field method. */
function fieldOf(parts: string[]): string | null {
  const at = parts.indexOf("hyperparameters");
  if (at >= 0) return parts[at + 1] ?? null;
  return parts[0] === "task" || parts[0] === "metadata" ? null : (parts[0] ?? null);
}

/** The message beside its field: without the parameter's name, which stands there already. */
export function wordsBeside(error: unknown): string {
  const text = messageOf(error).replace(/^Invalid (?:type for |value for )?'[^']+': /, "");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
