import { describe, expect, it } from "vitest";
import type { ApiKey, JobCounts } from "@/api/generated";
import { checklist, type Facts, nextStep, standOf } from "@/features/home/checklist";

const nothing: Facts = { hasData: false, jobs: counts(0, 0), keys: [], workers: 0, underWay: null };

function counts(total: number, succeeded: number): JobCounts {
  return { object: "fine_tuning.job.counts", total, by_status: { succeeded } } as unknown as JobCounts;
}

function key(name: string, rest: Partial<ApiKey> = {}): ApiKey {
  return { id: name, name, kind: "user", revoked_at: null, ...rest } as ApiKey;
}

function ticked(facts: Partial<Facts>): string[] {
  return checklist({ ...nothing, ...facts }, "http://here")
    .filter((step) => step.done)
    .map((step) => step.id);
}

describe("the checklist", () => {
  it("ticks nothing on a fresh server, and begins with the worker", () => {
    const steps = checklist(nothing, "http://here");
    expect(standOf(steps)).toEqual({ done: 0, total: 5, complete: false });
    expect(nextStep(steps)?.command).toBe("tunesmith worker --url http://here");
  });

  it("ticks itself from facts", () => {
    expect(ticked({ workers: 1, hasData: true })).toEqual(["worker", "data"]);
    expect(ticked({ jobs: counts(3, 0) })).toEqual(["job"]);
    expect(ticked({ jobs: counts(3, 1) })).toEqual(["job", "verdict"]);
  });

  it("keys that the first start made, workers' keys and revoked ones are none for tools", () => {
    const made = [key("admin of the data folder", { kind: "admin" }), key("gpu box", { kind: "worker" })];
    expect(ticked({ keys: [...made, key("old", { revoked_at: 1 })] })).toEqual([]);
    expect(ticked({ keys: [...made, key("notebook")] })).toEqual(["key"]);
  });

  it("what is not known yet is neither ticked nor asked for", () => {
    const steps = checklist({ hasData: null, jobs: null, keys: null, workers: null, underWay: null }, "http://here");
    expect(nextStep(steps)).toBeNull();
    expect(standOf(steps).complete).toBe(false);
  });

  it("while a job is under way, the verdict is reached by watching it", () => {
    const step = checklist({ ...nothing, underWay: "ftjob-1" }, "http://here").find(({ id }) => id === "verdict");
    expect(step?.action).toEqual({ label: "Watch it run", to: "/jobs/ftjob-1" });
  });
});
