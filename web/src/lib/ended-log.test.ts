import { describe, expect, it } from "vitest";
import type { Job } from "@/api/generated";
import {
  allSeen,
  type EndedLog,
  type EndedRun,
  endedRun,
  MOST_RUNS,
  readLog,
  unseen,
  withPast,
  withRun,
} from "@/lib/ended-log";

const empty: EndedLog = { runs: [], since: 100 };
const run = (jobId: string, at: number, changes: Partial<EndedRun> = {}): EndedRun => ({
  jobId,
  name: jobId,
  status: "succeeded",
  sentence: "Better.",
  at,
  seen: false,
  ...changes,
});
const job = (changes: Partial<Job>) =>
  ({
    id: "ftjob-1",
    name: "Mine",
    created_at: 1,
    finished_at: 9,
    progress: { step: 3, total_steps: 9 },
    ...changes,
  }) as Job;

describe("endedRun", () => {
  it("tells the verdict, the error, or how far it came; what one cancelled oneself is no news", () => {
    const headline = { sentence: "Better: loss 3.6 to 2.5." } as Job["headline"];
    expect(endedRun(job({ status: "succeeded", headline }))).toMatchObject({
      sentence: "Better: loss 3.6 to 2.5.",
      seen: false,
    });
    const error = { code: "bad_data", message: "Line 3 is empty." };
    expect(endedRun(job({ status: "failed", error }))).toMatchObject({
      name: "Mine",
      sentence: "Line 3 is empty.",
      at: 9,
    });
    expect(endedRun(job({ status: "cancelled" }))).toMatchObject({ sentence: "Cancelled at step 3 of 9.", seen: true });
    expect(endedRun(job({ status: "running" }))).toBeNull();
  });
});

describe("the log", () => {
  it("holds a run once, newest first, and no more than a screenful", () => {
    let log = empty;
    for (let n = 0; n < MOST_RUNS + 5; n += 1) log = withRun(log, run(`j${n}`, 200 + n)) ?? log;
    expect(log.runs).toHaveLength(MOST_RUNS);
    expect(log.runs[0]?.jobId).toBe(`j${MOST_RUNS + 4}`);
    expect(withRun(log, run("j10", 999))).toBeNull();
    expect(unseen(allSeen(log))).toBe(0);
  });

  it("shows a new browser what there was as seen, and a returning one what ended meanwhile as unseen", () => {
    const first = withPast(null, [run("old", 50)], 100);
    expect(first).toEqual({ runs: [run("old", 50, { seen: true })], since: 100 });
    const later = withPast(first, [run("old", 50), run("meanwhile", 150)], 300);
    expect(later.runs.map((each) => [each.jobId, each.seen])).toEqual([
      ["meanwhile", false],
      ["old", true],
    ]);
    expect(later.since).toBe(300);
  });

  it("reads what it wrote and nothing else", () => {
    const log = withPast(null, [run("a", 1)], 5);
    expect(readLog(JSON.stringify(log))).toEqual(log);
    for (const text of [null, "", "{", "null", "[]", '{"since":"x","runs":[]}']) expect(readLog(text)).toBeNull();
    expect(readLog('{"since":1,"runs":[{"jobId":1},null]}')).toEqual({ since: 1, runs: [] });
  });
});
