import { describe, expect, it } from "vitest";
import { changeOf, doingNow, jobName, may, metricWords, phaseWords } from "@/lib/job-words";

describe("words for jobs", () => {
  it("a job is called by its name, else its suffix, else its id", () => {
    expect(jobName({ id: "ftjob-1", name: "Support bot", user_provided_suffix: "support" })).toBe("Support bot");
    expect(jobName({ id: "ftjob-1", name: null, user_provided_suffix: "support" })).toBe("support");
    expect(jobName({ id: "ftjob-1" })).toBe("ftjob-1");
  });

  it("a phase that is not known yet is still readable", () => {
    expect(phaseWords("evaluating_base")).toBe("Measuring the base");
    expect(phaseWords("searching_settings")).toBe("Searching settings");
  });

  it("only a running job does something, and a pause that is under way is told first", () => {
    const progress = { phase: "training", step: 1, total_steps: 9, percent: 11 };
    expect(doingNow({ status: "running", pause_requested: false, progress })).toBe("Training");
    expect(doingNow({ status: "running", pause_requested: true, progress })).toBe("Pausing after the next checkpoint");
    expect(doingNow({ status: "queued", pause_requested: false, progress })).toBeNull();
  });

  it("a change has an arrow, a size and the verdict's word", () => {
    const loss = { metric: "loss", set: "held_out", value: 2.48, before: 3.62, higher_is_better: false } as const;
    expect(changeOf({ ...loss, verdict: "better" })).toEqual({ arrow: "↓", by: "1.14", word: "better" });
    expect(changeOf({ ...loss, verdict: "undecided" })?.word).toBe("undecided");
    expect(changeOf({ ...loss, verdict: null })?.word).toBe("lower");
    expect(changeOf({ ...loss, before: null })).toBeNull();
    expect(metricWords("ndcg_at_10")).toBe("nDCG@10");
  });

  it("only what the state allows may be asked", () => {
    expect(may({ status: "running", pause_requested: false })).toEqual({
      cancel: true,
      pause: true,
      resume: false,
      prioritise: false,
    });
    expect(may({ status: "paused", pause_requested: false })).toEqual({
      cancel: true,
      pause: false,
      resume: true,
      prioritise: true,
    });
    expect(Object.values(may({ status: "succeeded", pause_requested: false }))).toEqual([false, false, false, false]);
  });
});
