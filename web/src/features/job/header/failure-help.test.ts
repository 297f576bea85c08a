import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cloneQuery, failureHelp, KNOWN_CODES } from "@/features/job/header/failure-help";

const SOURCES = join(import.meta.dirname, "../../../../../src/tunesmith");

/** Files of these folders make the errors that jobs end with. */
const MAKERS = ["training", "worker", "server/jobs"];

/** Codes that answer a call and never end a job. */
const OF_CALLS = ["no_checkup", "wrong_job", "wrong_epoch", "result_not_committed"];

function codesOf(folder: string): string[] {
  return (
    readdirSync(join(SOURCES, folder), { recursive: true, encoding: "utf8" })
      // A push that failed is told beside the model, which is there all the same.
      .filter((path) => path.endsWith(".py") && !path.startsWith("delivery"))
      .flatMap((path) => {
        const text = readFileSync(join(SOURCES, folder, path), "utf8");
        const named = [...text.matchAll(/\bcode(?:: str)? ?= ?"([a-z_]+)"/g)];
        const told = [...text.matchAll(/return "(?:user|data|oom|infra|preempted|internal)", "([a-z_]+)"/g)];
        return [...named, ...told].map((match) => match[1] ?? "");
      })
  );
}

describe("why a job failed", () => {
  it("every code that training, workers and the queue give has its cause and fix", () => {
    const given = new Set(MAKERS.flatMap(codesOf));
    expect(given.size).toBeGreaterThan(12);
    for (const code of OF_CALLS) given.delete(code);
    const without = [...given].filter((code) => !KNOWN_CODES.includes(code));
    expect(without).toEqual([]);
  });

  it("every refusal of the reference that can reach a run as its own error has one too", () => {
    const reference = readFileSync(join(SOURCES, "../../docs/reference/errors.md"), "utf8");
    const codes = new Set(
      [...reference.matchAll(/^\| `([a-z_]+)` \((\w+)\) \| (400|413|422|500) /gm)].map((m) => m[1]),
    );
    expect(codes.size).toBeGreaterThan(6);
    // These answer a call about a job; none is written into one.
    for (const call of ["invalid_state", "in_use", "stream_conflict"]) codes.delete(call);
    expect([...codes].filter((code) => code !== undefined && !KNOWN_CODES.includes(code))).toEqual([]);
  });

  it("a code that is newer than this page leads to the log", () => {
    expect(failureHelp("something_new").action).toBe("logs");
  });

  it("memory that ran out halves batch and length, a diverged run a third of the rate", () => {
    const job = { id: "ftjob-1", hyperparameters: { batch_size: 9, max_seq_len: 1024, learning_rate: 0.003 } };
    const query = (action: Parameters<typeof cloneQuery>[1]) =>
      Object.fromEntries(new URLSearchParams(cloneQuery(job as never, action).split("?")[1]));
    expect(query("smaller")).toEqual({ clone: "ftjob-1", batch_size: "4", max_seq_len: "512" });
    expect(query("gentler")).toEqual({ clone: "ftjob-1", learning_rate: "0.001" });
    expect(query("again")).toEqual({ clone: "ftjob-1" });
  });
});
