import { describe, expect, it } from "vitest";
import type { JobMetric } from "@/api/generated";
import { csvOf, nearest, seriesOf } from "@/features/job/training/series";

function point(step: number, values: Record<string, number>): JobMetric {
  return { id: `ftmetric-${step}`, object: "fine_tuning.job.metric", created_at: 0, step, values };
}

describe("a run's series", () => {
  const points = [
    point(2, { train_loss: 2, learning_rate: 0.1 }),
    point(1, { train_loss: 3 }),
    point(2, { full_valid_loss: 2.5 }),
    point(3, { train_loss: Number.NaN }),
  ];

  it("are told apart, in order of steps, and without what is no number", () => {
    const lines = seriesOf(points);
    expect(lines.training).toEqual([
      { step: 1, value: 3 },
      { step: 2, value: 2 },
    ]);
    expect(lines.heldOut).toEqual([{ step: 2, value: 2.5 }]);
    expect(lines.gradNorm).toEqual([]);
  });

  it("the nearest point is found at the ends, between, and not in an empty line", () => {
    const line = [1, 5, 9].map((step) => ({ step, value: step }));
    expect([0, 2, 4, 7.5, 99].map((step) => nearest(line, step)?.step)).toEqual([1, 1, 5, 9, 9]);
    expect(nearest([], 3)).toBeUndefined();
  });

  it("a file of them has a column for each name and an empty cell for what a point has not", () => {
    expect(csvOf(points.slice(0, 3)).split("\n")).toEqual([
      "step,full_valid_loss,learning_rate,train_loss",
      "2,,0.1,2",
      "1,,,3",
      "2,2.5,,",
    ]);
  });
});
