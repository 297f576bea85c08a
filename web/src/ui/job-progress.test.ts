import { describe, expect, it } from "vitest";
import type { Job } from "@/api/generated";
import { progressSentence } from "@/ui/job-progress";

function job(of: Partial<Job>): Job {
  const progress = { phase: null, step: 62, total_steps: 100, percent: 62.4 };
  return { id: "ftjob-1", status: "running", progress, ...of } as Job;
}

describe("where a run stands", () => {
  it.each([
    [{ eta_s: 240 }, "62 %, 4 min left"],
    [{}, "62 %"],
    [{ status: "queued", queue: { position: 1 } }, "Next in line"],
    [{ status: "queued", queue: { position: 3 } }, "Number 3 in line"],
    [{ status: "paused" }, "Paused at 62 %"],
    [{ status: "succeeded", started_at: 1000, finished_at: 1720 }, "Done in 12 min"],
    [{ status: "failed", started_at: 1000, finished_at: 1060 }, "Stopped at 62 %, after 60 s"],
    [{ status: "cancelled" }, "Never started"],
  ])("of %o reads %s", (of, sentence) => expect(progressSentence(job(of as Partial<Job>))).toBe(sentence));
});
