import type { JobMetric } from "@/api/generated";

export interface Point {
  step: number;
  value: number;
}

/** A run's figures, each as a line of its own, by step. */
export interface RunSeries {
  training: Point[];
  /** On all held-out records, at the ends of epochs. */
  heldOut: Point[];
  /** On some of them, between. */
  heldOutSample: Point[];
  learningRate: Point[];
  gradNorm: Point[];
  tokensPerSecond: Point[];
}

const NAMES: Record<keyof RunSeries, string> = {
  training: "train_loss",
  heldOut: "full_valid_loss",
  heldOutSample: "valid_loss",
  learningRate: "learning_rate",
  gradNorm: "grad_norm",
  tokensPerSecond: "tokens_per_second",
};

export function seriesOf(metrics: readonly JobMetric[]): RunSeries {
  const lines: RunSeries = {
    training: [],
    heldOut: [],
    heldOutSample: [],
    learningRate: [],
    gradNorm: [],
    tokensPerSecond: [],
  };
  for (const { step, values } of metrics)
    for (const key of Object.keys(NAMES) as (keyof RunSeries)[]) {
      const value = values[NAMES[key]];
      if (value !== undefined && Number.isFinite(value)) lines[key].push({ step, value });
    }
  for (const line of Object.values(lines) as Point[][]) line.sort((a, b) => a.step - b.step);
  return lines;
}

/** The point whose step is nearest, by halving; undefined of an empty line. */
export function nearest(points: readonly Point[], step: number): Point | undefined {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.step ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  const after = points[low];
  const before = points[low - 1];
  if (!after || !before) return after;
  return step - before.step <= after.step - step ? before : after;
}

/** All figures as a table: a line for each point, a column for each name, empty where a point has none. */
export function tableOf(metrics: readonly JobMetric[]): { columns: string[]; rows: (number | null)[][] } {
  const names = [...new Set(metrics.flatMap((point) => Object.keys(point.values)))].sort();
  const rows = metrics.map((point) => [point.step, ...names.map((name) => point.values[name] ?? null)]);
  return { columns: ["step", ...names], rows };
}

export function csvOf(metrics: readonly JobMetric[]): string {
  const { columns, rows } = tableOf(metrics);
  return [columns, ...rows].map((row) => row.map((cell) => cell ?? "").join(",")).join("\n");
}
