import { describe, expect, it } from "vitest";
import { firstSection, sections } from "@/features/job/use-tab";

const job = (
  status: "queued" | "running" | "failed" | "succeeded",
  started: number | null,
  model: string | null = null,
) => ({
  status,
  started_at: started,
  fine_tuned_model: model,
});

describe("the sections of a job", () => {
  it("only those that have something to show", () => {
    expect(sections(job("queued", null), false)).toEqual(["training", "events", "config"]);
    expect(sections(job("running", 1), true)).toEqual(["training", "data", "logs", "events", "config"]);
    expect(sections(job("succeeded", 1, "ft:m"), true)).toContain("result");
    expect(sections(job("succeeded", 1, null), true)).not.toContain("result");
  });

  it("the first is what the state asks for, and one that is there", () => {
    expect(firstSection(job("succeeded", 1), ["result", "training", "events"])).toBe("result");
    expect(firstSection(job("running", 1), ["training", "events"])).toBe("training");
    expect(firstSection(job("failed", 1), ["training", "logs", "events"])).toBe("logs");
    expect(firstSection(job("failed", null), ["training", "events"])).toBe("events");
  });
});
