import type { Job } from "@/api/generated";

/** Whether two jobs train on the same file, or on versions of one data set. */
export function sameData(a: Job, b: Job): boolean {
  return a.training_file === b.training_file || (a.dataset != null && a.dataset.id === b.dataset?.id);
}
