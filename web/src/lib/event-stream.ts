import type { LiveEvent, LiveHello, LiveJob, LiveMetrics } from "@/api/generated";
import { SseParser } from "@/lib/sse";

export type LiveMessage = LiveHello | LiveJob | LiveEvent | LiveMetrics;

export interface StreamState {
  /** `idle`: not wanted now (nobody signed in, or a tab that nobody looks at). */
  status: "idle" | "connecting" | "open" | "away";
  /** When the server last said anything, in ms since 1970; null before it ever did. */
  lastNewsAt: number | null;
}

export interface Connection {
  /** Answers the stream's response. Rejects, or answers with another status than 200, when there is none. */
  open: (asked: { after: string | null; watch: string[] }, signal: AbortSignal) => Promise<Response>;
  onMessage: (message: LiveMessage, context: { first: boolean; serverNow: number }) => void;
  /** The server refuses this person: 401, 403. The stream stops. */
  onRefused: (status: number) => void;
}

/** The server says something every 15 s. After this long in silence the connection is taken for dead. */
export const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 20_000;
/** A short break, as when a server ends a stream on purpose, is nobody's concern. */
export const QUIET_BREAK_MS = 4_000;
const KNOWN_EVENTS = 2_000;
const MOST_WATCHED = 8;

/**
 * One stream of everything that changes, connected again and again for as long as it is wanted. It goes on behind the
 * last cursor, hands each event on once, and is an external store of how the connection stands.
 *
 * It reads by fetch and not by EventSource, which tells neither why it was refused nor that a connection died silently.
 */
export class EventStream {
  private state: StreamState = { status: "idle", lastNewsAt: null };
  private readonly listeners = new Set<() => void>();
  private readonly watched = new Map<string, number>();
  private readonly known = new Set<string>();
  private cursor: string | null = null;
  private wanted = false;
  private round = 0;
  private failures = 0;
  private greeted = false;
  private abort: AbortController | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  private awayTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): StreamState => this.state;

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.failures = 0;
    this.connect();
  }

  /** Ends the connection; a later start goes on where it was. */
  stop(): void {
    this.wanted = false;
    this.hangUp();
    this.become({ status: "idle" });
  }

  /** Forgets where it was: another person or project is looked at. */
  forget(): void {
    this.cursor = null;
    this.greeted = false;
    this.known.clear();
    if (this.wanted) this.connect();
  }

  /** Tries now instead of after the wait: the network came back, or somebody looks again. */
  hurry(): void {
    if (!this.wanted || this.state.status === "open") return;
    this.failures = 0;
    this.connect();
  }

  /** Asks for a job's points too, until the function that is answered is called. */
  watch(jobId: string): () => void {
    this.count(jobId, 1);
    return () => this.count(jobId, -1);
  }

  private count(jobId: string, by: number): void {
    const n = (this.watched.get(jobId) ?? 0) + by;
    const changed = by > 0 ? n === 1 : n <= 0;
    if (n > 0) this.watched.set(jobId, n);
    else this.watched.delete(jobId);
    // After this turn, so that leaving one job's page for another's connects once.
    if (changed && this.wanted) queueMicrotask(() => this.wanted && this.connect());
  }

  private connect(): void {
    this.hangUp();
    this.round += 1;
    const abort = new AbortController();
    this.abort = abort;
    if (this.state.status !== "away") {
      this.become({ status: "connecting" });
      this.awayTimer ??= setTimeout(() => this.become({ status: "away" }), QUIET_BREAK_MS);
    }
    this.listenForSilence();
    void this.read(this.round, abort.signal);
  }

  private async read(round: number, signal: AbortSignal): Promise<void> {
    const mine = () => round === this.round && this.wanted;
    let waitMs: number | null = null;
    try {
      const watch = [...this.watched.keys()].slice(-MOST_WATCHED);
      const response = await this.connection.open({ after: this.cursor, watch }, signal);
      if (!mine()) return;
      if (response.status === 401 || response.status === 403) {
        this.stop();
        this.connection.onRefused(response.status);
        return;
      }
      if (response.status === 400) this.cursor = null; // Of another server, or another version of it.
      if (!response.ok || !response.body) throw new Error(`The stream was answered ${response.status}.`);
      waitMs = await this.hear(response, response.body, mine);
    } catch {
      // Whatever broke it, the same follows: the state says so, and it is tried again.
    }
    if (mine()) this.again(waitMs);
  }

  /** Takes in what comes until it ends; the time after which the server asked to come back. */
  private async hear(
    response: Response,
    body: ReadableStream<Uint8Array>,
    mine: () => boolean,
  ): Promise<number | null> {
    const date = Date.parse(response.headers.get("date") ?? "");
    const ahead = Number.isNaN(date) ? 0 : date - Date.now();
    const parser = new SseParser();
    const text = body
      .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
      .getReader();
    for (;;) {
      const { done, value } = await text.read();
      if (!mine()) {
        void text.cancel().catch(() => {});
        return null;
      }
      if (done) return parser.retryMs;
      this.heard();
      for (const { event, data } of parser.take(value)) this.tell(event, data, (Date.now() + ahead) / 1000);
      this.cursor = parser.lastId ?? this.cursor;
    }
  }

  private heard(): void {
    this.failures = 0;
    clearTimeout(this.awayTimer);
    this.awayTimer = undefined;
    this.listenForSilence();
    this.become({ status: "open", lastNewsAt: Date.now() });
  }

  private tell(event: string, data: string, serverNow: number): void {
    const message = JSON.parse(data) as LiveMessage;
    if (message.object !== `live.${event}`) return;
    if (message.object === "live.event" && !this.isNew(message.event.id)) return;
    if (message.object === "live.metrics") {
      message.points = message.points.filter((point) => this.isNew(point.id));
      if (message.points.length === 0) return;
    }
    const first = message.object === "live.hello" && !this.greeted;
    if (first) this.greeted = true;
    this.connection.onMessage(message, { first, serverNow });
  }

  private isNew(id: string): boolean {
    if (this.known.has(id)) return false;
    this.known.add(id);
    if (this.known.size > KNOWN_EVENTS) {
      const oldest = this.known.values().next().value;
      if (oldest !== undefined) this.known.delete(oldest);
    }
    return true;
  }

  private again(waitMs: number | null): void {
    this.hangUp();
    const own = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    if (this.state.status === "open") this.become({ status: "connecting" });
    if (this.state.status !== "away") {
      this.awayTimer ??= setTimeout(() => this.become({ status: "away" }), QUIET_BREAK_MS);
    }
    this.retryTimer = setTimeout(() => this.connect(), waitMs ?? own);
  }

  private listenForSilence(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => {
      this.round += 1;
      this.again(0);
    }, SILENCE_MS);
  }

  private hangUp(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
    if (!this.wanted) {
      clearTimeout(this.awayTimer);
      this.awayTimer = undefined;
    }
    this.abort?.abort();
    this.abort = null;
  }

  private become(change: Partial<StreamState>): void {
    const next = { ...this.state, ...change };
    // A word every few seconds is no news to who watches the state, only its status is.
    const told = next.status !== this.state.status;
    this.state = told ? next : Object.assign(this.state, next);
    if (told) for (const listener of this.listeners) listener();
  }
}
