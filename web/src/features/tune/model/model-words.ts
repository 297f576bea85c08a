import type { BaseModelEntry, JobEstimate } from "@/api/generated";
import { bytes, count } from "@/lib/format";

/** "135 M weights". */
export function size(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)} B weights`;
  return `${Math.round(parameters / 1e6)} M weights`;
}

/** How much it reads at once: a token is about four letters of English, or one residue. */
export function context(base: BaseModelEntry): string {
  return `reads ${count(base.context)} tokens`;
}

/** Where its weights come from, and what must be fetched where that is known. */
export function source(base: BaseModelEntry, estimate: JobEstimate | undefined): string {
  const fetched = estimate?.fetch_bytes;
  const more =
    fetched === undefined ? "" : fetched ? `, ${bytes(fetched)} are fetched first` : ", on the worker already";
  switch (base.source.type) {
    case "bundled":
      return "Comes with Tunesmith";
    case "folder":
      return "A folder of this installation";
    case "package":
      return `From a Python package${more}`;
    case "hub":
      return `From the Hugging Face Hub${more}`;
  }
}
