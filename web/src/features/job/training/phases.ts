import type { TimelineSpan } from "@/api/generated";
import { phaseWords } from "@/lib/job-words";

/** Phases that are no work of a run, and what a person is told of them. */
const OUTSIDE: Record<string, string> = {
  validating_files: "Checking the data",
  queued: "Waiting for a worker",
  paused: "Paused",
  pushing: "Pushing to the hub",
};

export function spanWords(phase: string): string {
  return OUTSIDE[phase] ?? phaseWords(phase);
}

export type SpanKind = "waiting" | "preparing" | "training" | "measuring" | "finishing" | "paused";

const KINDS: Record<string, SpanKind> = {
  validating_files: "waiting",
  queued: "waiting",
  paused: "paused",
  training: "training",
  evaluating_base: "measuring",
  evaluating: "measuring",
  saving: "finishing",
  pushing: "finishing",
  uploading_result: "finishing",
};

/** What kind of time it was; whatever comes before training and is new to this page counts as preparing. */
export function spanKind(phase: string): SpanKind {
  return KINDS[phase] ?? "preparing";
}

export interface Stretch {
  phase: string;
  words: string;
  kind: SpanKind;
  seconds: number;
  /** Share of the whole bar, 0-1. */
  share: number;
  startedAt: number;
  lasts: boolean;
  attempt: number | null;
  worker: string | null;
}

/** The least share of the bar, so that a short phase can still be pointed at. */
const LEAST = 0.012;

/** The timeline as a bar: `now` ends the stretch that lasts. Stretches shorter than a pixel or two are widened. */
export function stretches(spans: readonly TimelineSpan[], now: number): Stretch[] {
  const timed = spans
    .map((span) => ({ span, seconds: Math.max(0, (span.ended_at ?? now) - span.started_at) }))
    .filter(({ span, seconds }) => seconds > 0 || span.ended_at === null);
  const total = timed.reduce((sum, { seconds }) => sum + seconds, 0);
  const wide = timed.map(({ seconds }) => Math.max(total > 0 ? seconds / total : 1, LEAST));
  const all = wide.reduce((sum, share) => sum + share, 0);
  return timed.map(({ span, seconds }, i) => ({
    phase: span.phase,
    words: spanWords(span.phase),
    kind: spanKind(span.phase),
    seconds,
    share: (wide[i] ?? 0) / all,
    startedAt: span.started_at,
    lasts: span.ended_at === null,
    attempt: span.attempt ?? null,
    worker: span.worker ?? null,
  }));
}
