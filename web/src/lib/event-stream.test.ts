import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventStream, type LiveMessage, QUIET_BREAK_MS, SILENCE_MS } from "@/lib/event-stream";
import { SseParser } from "@/lib/sse";

const hello = (resumed = false) => `event: hello\ndata: {"object":"live.hello","version":"1","resumed":${resumed}}\n\n`;
const happened = (id: string) =>
  `event: event\ndata: ${JSON.stringify({ object: "live.event", job_id: "ftjob-1", event: { id } })}\n\n`;

/** A server in this process: each connection is kept, to be spoken on and ended by the test. */
function fakeServer() {
  const calls: { after: string | null; watch: string[]; say: (text: string) => void; end: () => void }[] = [];
  const told: { message: LiveMessage; first: boolean }[] = [];
  const refused: number[] = [];
  let answer: () => Response | null = () => null;
  const stream = new EventStream({
    open: async (asked, signal) => {
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({
        start: (c) => {
          controller = c;
        },
      });
      signal.addEventListener("abort", () => {
        try {
          controller?.error(new Error("aborted"));
        } catch {
          // It had ended before.
        }
      });
      calls.push({
        ...asked,
        say: (text) => controller?.enqueue(new TextEncoder().encode(text)),
        end: () => controller?.close(),
      });
      return answer() ?? new Response(body);
    },
    onMessage: (message, { first }) => told.push({ message, first }),
    onRefused: (status) => refused.push(status),
  });
  const answering = (reply: () => Response | null) => {
    answer = reply;
  };
  const last = () => {
    const call = calls.at(-1);
    if (!call) throw new Error("nobody called");
    return call;
  };
  return { stream, calls, told, refused, answering, last };
}

const settle = () => vi.advanceTimersByTimeAsync(1);

describe("EventStream", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("hands on what is told, once an event, and goes on behind the last cursor", async () => {
    const { stream, told, calls, last } = fakeServer();
    stream.start();
    await settle();
    last().say(`${hello()}${happened("a")}id: live-7\n\n`);
    await settle();
    expect(stream.snapshot().status).toBe("open");
    last().end();
    await vi.advanceTimersByTimeAsync(2000);
    expect(calls.map((call) => call.after)).toEqual([null, "live-7"]);
    last().say(`${hello(true)}${happened("a")}${happened("b")}`);
    await settle();
    expect(told.map(({ message }) => (message.object === "live.event" ? message.event.id : message.object))).toEqual([
      "live.hello",
      "a",
      "live.hello",
      "b",
    ]);
    expect(told.map(({ first }) => first)).toEqual([true, false, false, false]);
  });

  it("waits as long as the server asked, without a word about a break", async () => {
    const { stream, calls, last } = fakeServer();
    const seen: string[] = [];
    stream.subscribe(() => seen.push(stream.snapshot().status));
    stream.start();
    await settle();
    last().say(`${hello()}retry: 1000\n\n`);
    await settle();
    last().end();
    await vi.advanceTimersByTimeAsync(990);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(calls).toHaveLength(2);
    last().say(hello(true));
    await settle();
    expect(seen).toEqual(["connecting", "open", "connecting", "open"]);
  });

  it("says that the server is away after a while, waits longer each time, and mends itself", async () => {
    const { stream, calls, answering, last } = fakeServer();
    answering(() => {
      throw new TypeError("no route to host");
    });
    stream.start();
    await vi.advanceTimersByTimeAsync(QUIET_BREAK_MS - 100);
    expect(stream.snapshot().status).toBe("connecting");
    await vi.advanceTimersByTimeAsync(200);
    expect(stream.snapshot()).toEqual({ status: "away", lastNewsAt: null });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(calls.length).toBeGreaterThan(6);
    expect(calls.length).toBeLessThan(16);
    answering(() => null);
    await vi.advanceTimersByTimeAsync(26_000);
    last().say(hello());
    await settle();
    expect(stream.snapshot().status).toBe("open");
    expect(stream.snapshot().lastNewsAt).not.toBeNull();
  });

  it("takes a silent connection for dead", async () => {
    const { stream, calls, last } = fakeServer();
    stream.start();
    await settle();
    last().say(`${hello()}id: live-1\n\n`);
    await vi.advanceTimersByTimeAsync(SILENCE_MS - 100);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(calls.map((call) => call.after)).toEqual([null, "live-1"]);
  });

  it("connects anew for what a page watches, and again when it is left", async () => {
    const { stream, calls } = fakeServer();
    stream.start();
    await settle();
    const leave = stream.watch("ftjob-1");
    const alsoLeave = stream.watch("ftjob-1");
    await settle();
    leave();
    await settle();
    alsoLeave();
    await settle();
    expect(calls.map((call) => call.watch)).toEqual([[], ["ftjob-1"], []]);
  });

  it("stops when it is refused, and a start begins again", async () => {
    const { stream, calls, refused, answering } = fakeServer();
    answering(() => new Response("", { status: 401 }));
    stream.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(refused).toEqual([401]);
    expect(calls).toHaveLength(1);
    expect(stream.snapshot().status).toBe("idle");
    answering(() => null);
    stream.start();
    await settle();
    expect(calls).toHaveLength(2);
  });

  it("gives up a cursor that the server does not know", async () => {
    const { stream, calls, answering, last } = fakeServer();
    stream.start();
    await settle();
    last().say(`${hello()}id: live-1\n\n`);
    await settle();
    answering(() => new Response("", { status: 400 }));
    last().end();
    await vi.advanceTimersByTimeAsync(2000);
    answering(() => null);
    await vi.advanceTimersByTimeAsync(4000);
    expect(calls.map((call) => call.after)).toEqual([null, "live-1", null]);
  });

  it("tells who subscribed about its status, not about every word", async () => {
    const { stream, last } = fakeServer();
    const seen = vi.fn();
    stream.subscribe(seen);
    stream.start();
    await settle();
    for (let n = 0; n < 5; n += 1) {
      last().say(happened(`e${n}`));
      await settle();
    }
    expect(seen).toHaveBeenCalledTimes(2);
  });
});

describe("SseParser", () => {
  it("reads messages however they are cut into pieces", () => {
    const whole =
      'id: 1\nevent: job\ndata: {"a":1}\n\n: keep-alive\n\nid: 2\n\ndata: x\r\ndata: y\r\n\r\nretry: 1500\n\n';
    for (let size = 1; size < 20; size += 1) {
      const parser = new SseParser();
      const found = [];
      for (let at = 0; at < whole.length; at += size) found.push(...parser.take(whole.slice(at, at + size)));
      expect(found).toEqual([
        { event: "job", data: '{"a":1}' },
        { event: "message", data: "x\ny" },
      ]);
      expect([parser.lastId, parser.retryMs]).toEqual(["2", 1500]);
    }
  });
});
