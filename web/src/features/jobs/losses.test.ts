import { describe, expect, it } from "vitest";
import type { Job } from "@/api/generated";
import { whatIsLost } from "@/features/jobs/losses";

function job(name: string, startedAt: number | null): Job {
  return { id: name, name, started_at: startedAt, progress: { step: 3, total_steps: 5, percent: 62.9 } } as Job;
}

describe("what a cancel loses", () => {
  it("is told of each job, the one that was trained longest first", () => {
    expect(whatIsLost([job("waiting", null), job("young", 9_400), job("old", 5_680)], 10_000)).toEqual([
      "old stops at 62 %, 1 h 12 min after it started; it will yield no model",
      "young stops at 62 %, 10 min after it started; it will yield no model",
      "waiting has not started: nothing but its place in line is lost",
    ]);
  });

  it("many are counted", () => {
    const many = Array.from({ length: 8 }, (_, i) => job(`job ${i}`, i < 6 ? 1_000 : null));
    expect(whatIsLost(many, 2_000)).toHaveLength(6);
    expect(whatIsLost(many, 2_000).at(-1)).toBe("3 more jobs, 1 of them already trained on");
  });
});
