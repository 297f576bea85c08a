import { useSyncExternalStore } from "react";
import type { Job } from "@/api/generated";
import { announce } from "@/app/announce";
import { allSeen, type EndedLog, type EndedRun, endedRun, readLog, withPast, withRun } from "@/lib/ended-log";

const EMPTY: EndedLog = { runs: [], since: 0 };
/** A tab that nobody looks at leaves a visible one this long to tell it. */
const AFTER_YOU_MS = 1_500;

const listeners = new Set<() => void>();
const read = new Map<string, { text: string | null; log: EndedLog | null }>();

/** The latest ended runs of this person and project, kept in this browser and shared by its tabs. */
export function useEndedRuns(who: string): EndedLog {
  return useSyncExternalStore(subscribe, () => kept(who) ?? EMPTY);
}

/** A run has just ended: it is noted and announced, by one tab of this browser. */
export function noteEnded(who: string, job: Job): void {
  const run = endedRun(job);
  if (!run || isNoted(who, run)) return;
  const inView = document.visibilityState === "visible";
  setTimeout(() => void noteOnce(who, run), inView ? 0 : AFTER_YOU_MS);
}

/** What ended while this browser was not listening. */
export function notePast(who: string, jobs: readonly Job[], now: number): void {
  const past = jobs.flatMap((job) => endedRun(job) ?? []);
  keep(who, withPast(kept(who), past, now));
}

export function markSeen(who: string): void {
  const log = kept(who);
  if (log?.runs.some((run) => !run.seen)) keep(who, allSeen(log));
}

async function noteOnce(who: string, run: EndedRun): Promise<void> {
  const mine = await alone(() => {
    const log = withRun(kept(who) ?? { runs: [], since: run.at }, run);
    if (log) keep(who, log);
    return log !== null;
  });
  if (mine && !run.seen) announce(run);
}

/** Runs `change` while no other tab does. */
async function alone(change: () => boolean): Promise<boolean> {
  if (!("locks" in navigator)) return change();
  return navigator.locks.request("tunesmith-ended", async () => change());
}

function isNoted(who: string, run: EndedRun): boolean {
  return kept(who)?.runs.some((each) => each.jobId === run.jobId) ?? false;
}

const place = (who: string) => `tunesmith-ended:${who}`;

/** The same object for as long as the same is kept. */
function kept(who: string): EndedLog | null {
  const text = localStorage.getItem(place(who));
  const known = read.get(who);
  if (known && known.text === text) return known.log;
  const log = readLog(text);
  read.set(who, { text, log });
  return log;
}

function keep(who: string, log: EndedLog): void {
  localStorage.setItem(place(who), JSON.stringify(log));
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}
