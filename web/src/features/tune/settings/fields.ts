import type { Adaptation, Task } from "@/api/generated";
import told from "@/api/job-fields.json";
import type { Draft, Setting } from "@/features/tune/draft";

/** What the server says of one field of a job (scripts/job_fields.py writes it from the server's own shapes). */
export interface Field {
  type: "integer" | "number" | "string" | "boolean" | "array";
  auto: boolean;
  help?: string;
  min?: number;
  max?: number;
  above?: number;
  below?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  pattern?: string;
  choices?: string[];
  items?: { type?: string; min?: number; max?: number };
}

export const HYPERPARAMETERS = told.hyperparameters as Record<string, Field>;
export const JOB_FIELDS = told.job as Record<string, Field>;

export type GroupId = "learning" | "adapter" | "data" | "task";

export const GROUPS: { id: GroupId; title: string; fields: string[] }[] = [
  {
    id: "learning",
    title: "Learning",
    fields: [
      "n_epochs",
      "learning_rate",
      "learning_rate_multiplier",
      "batch_size",
      "lr_schedule",
      "warmup_steps",
      "weight_decay",
      "max_grad_norm",
    ],
  },
  {
    id: "adapter",
    title: "The adapter",
    fields: ["lora_rank", "lora_alpha", "lora_dropout", "use_rslora", "use_dora"],
  },
  { id: "data", title: "How records are read", fields: ["max_seq_len", "packing"] },
  {
    id: "task",
    title: "For this task",
    fields: ["beta", "class_weights", "loss", "hard_negatives", "matryoshka_dims"],
  },
];

export const LABELS: Record<string, string> = {
  n_epochs: "Epochs",
  learning_rate: "Learning rate",
  learning_rate_multiplier: "Learning rate multiplier",
  batch_size: "Batch size",
  lr_schedule: "Schedule",
  warmup_steps: "Warm-up steps",
  weight_decay: "Weight decay",
  max_grad_norm: "Gradient clipping",
  lora_rank: "Rank",
  lora_alpha: "Alpha",
  lora_dropout: "Dropout",
  use_rslora: "Rank-stabilised (rsLoRA)",
  use_dora: "Magnitude and direction (DoRA)",
  max_seq_len: "Longest record, tokens",
  packing: "Packing",
  beta: "Beta",
  class_weights: "Class weights",
  loss: "Loss",
  hard_negatives: "Hard negatives",
  matryoshka_dims: "Matryoshka dimensions",
};

/** Whether the run looks at the field at all. */
export function concerns(
  name: string,
  about: { task: Task | null; adaptation: Adaptation | null; method: Draft["method"] },
): boolean {
  switch (name) {
    case "lora_rank":
    case "lora_alpha":
    case "lora_dropout":
    case "use_rslora":
    case "use_dora":
      return about.adaptation !== "full";
    case "packing":
      return about.task === "chat" || about.task === "protein";
    case "beta":
      return about.method === "dpo";
    case "class_weights":
      return about.task === "classification";
    case "loss":
    case "hard_negatives":
    case "matryoshka_dims":
      return about.task === "embedding";
    default:
      return true;
  }
}

/** What is wrong with a value by the server's own bounds; null when nothing is. */
export function faultOf(field: Field, value: Setting): string | null {
  if (Array.isArray(value)) return faultOfList(field, value);
  if (typeof value !== "number") return null;
  if (!Number.isFinite(value)) return "Give a number.";
  if (field.type === "integer" && !Number.isInteger(value)) return "Give a whole number.";
  if (field.min !== undefined && value < field.min) return `At least ${field.min}.`;
  if (field.max !== undefined && value > field.max) return `At most ${field.max}.`;
  if (field.above !== undefined && value <= field.above) return `More than ${field.above}.`;
  if (field.below !== undefined && value >= field.below) return `Less than ${field.below}.`;
  return null;
}

function faultOfList(field: Field, values: number[]): string | null {
  if (field.maxItems !== undefined && values.length > field.maxItems) return `At most ${field.maxItems} of them.`;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = field.items ?? {};
  const odd = values.find((value) => !Number.isInteger(value) || value < min || value > max);
  return odd === undefined ? null : `Whole numbers from ${min} to ${max}, with commas between.`;
}

/** A setting or a resolved number as a person reads it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "by the data";
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
  return String(value).replaceAll("_", " ");
}
