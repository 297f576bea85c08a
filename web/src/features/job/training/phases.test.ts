import { describe, expect, it } from "vitest";
import { spanKind, spanWords, stretches } from "@/features/job/training/phases";

const span = (phase: string, started_at: number, ended_at: number | null) => ({ phase, started_at, ended_at });

describe("phases", () => {
  it("are told in words, also those of the queue and those that are new to this page", () => {
    expect(["queued", "evaluating_base", "searching_settings"].map(spanWords)).toEqual([
      "Waiting for a worker",
      "Measuring the base",
      "Searching settings",
    ]);
    expect(["queued", "training", "searching_settings"].map(spanKind)).toEqual(["waiting", "training", "preparing"]);
  });

  it("fill the bar, the last one up to now", () => {
    const bar = stretches([span("queued", 0, 10), span("training", 10, null)], 40);
    expect(bar.map((s) => [s.seconds, s.lasts])).toEqual([
      [10, false],
      [30, true],
    ]);
    expect(bar.map((s) => s.share)).toEqual([0.25, 0.75]);
  });

  it("a short one can still be pointed at, and all together make one whole", () => {
    const bar = stretches([span("queued", 0, 0.1), span("training", 0.1, 3600)], 9999);
    expect(bar[0]?.share).toBeGreaterThan(0.01);
    expect(bar.reduce((sum, s) => sum + s.share, 0)).toBeCloseTo(1);
  });

  it("one that took no time at all is left out unless it lasts", () => {
    expect(stretches([span("starting", 5, 5), span("training", 5, null)], 5).map((s) => s.phase)).toEqual(["training"]);
    expect(stretches([], 5)).toEqual([]);
  });
});
