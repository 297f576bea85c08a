/** The facts of a job that the table can show, in their usual order. */
export const COLUMNS = {
  state: "State",
  name: "Job",
  model: "Base and result",
  dataset: "Data set",
  progress: "Progress",
  result: "Result",
  sparkline: "Loss",
  queue: "Why it waits",
  cost: "Cost",
  task: "Task",
  priority: "Priority",
  worker: "Worker",
  backend: "Backend",
  provider: "Provider",
  project: "Project",
  owner: "Owner",
  age: "Age",
  started: "Started",
  ended: "Ended",
} as const;

export type ColumnId = keyof typeof COLUMNS;

export const ALL_COLUMNS = Object.keys(COLUMNS) as ColumnId[];

/** What fits a laptop's width. */
export const USUAL_COLUMNS: ColumnId[] = [
  "state",
  "name",
  "model",
  "dataset",
  "progress",
  "result",
  "sparkline",
  "age",
];

/** A choice as it was kept, cleaned of columns that are gone; the job's name cannot be left out. */
export function columnsOf(kept: unknown): ColumnId[] {
  if (!Array.isArray(kept)) return USUAL_COLUMNS;
  const known = [...new Set(kept)].filter((id): id is ColumnId => ALL_COLUMNS.includes(id as ColumnId));
  if (known.length === 0) return USUAL_COLUMNS;
  return known.includes("name") ? known : ["name", ...known];
}

/** The column is shown, at its usual place among the others, or no longer. */
export function toggled(columns: ColumnId[], id: ColumnId): ColumnId[] {
  if (columns.includes(id)) return id === "name" ? columns : columns.filter((each) => each !== id);
  const before = ALL_COLUMNS.slice(0, ALL_COLUMNS.indexOf(id));
  const place = Math.max(-1, ...before.map((each) => columns.indexOf(each))) + 1;
  return columns.toSpliced(place, 0, id);
}

/** The column goes one place towards the start (-1) or the end (1), and stays where it is at either end. */
export function moved(columns: ColumnId[], id: ColumnId, by: -1 | 1): ColumnId[] {
  const from = columns.indexOf(id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= columns.length) return columns;
  return columns.toSpliced(from, 1).toSpliced(to, 0, id);
}
