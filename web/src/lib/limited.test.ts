import { describe, expect, it } from "vitest";
import { limited } from "@/lib/limited";

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const wanted = new AbortController().signal;

describe("limited", () => {
  it("runs so many at once and the rest in order", async () => {
    const run = limited(2);
    const gates = [gate(), gate(), gate()];
    const begun: number[] = [];
    const all = gates.map((each, i) =>
      run(async () => {
        begun.push(i);
        await each.opened;
        return i;
      }, wanted),
    );
    await Promise.resolve();
    expect(begun).toEqual([0, 1]);
    gates[1]?.open();
    expect(await all[1]).toBe(1);
    expect(begun).toEqual([0, 1, 2]);
    for (const each of gates) each.open();
    expect(await Promise.all(all)).toEqual([0, 1, 2]);
  });

  it("what is no longer wanted leaves the row and never runs", async () => {
    const run = limited(1);
    const first = gate();
    const unwanted = new AbortController();
    let ran = false;
    const one = run(() => first.opened, wanted);
    const two = run(async () => {
      ran = true;
    }, unwanted.signal);
    unwanted.abort(new Error("not wanted"));
    await expect(two).rejects.toThrow("not wanted");
    first.open();
    await one;
    expect(await run(async () => "next", wanted)).toBe("next");
    expect(ran).toBe(false);
  });

  it("a failure gives its place to the next", async () => {
    const run = limited(1);
    await expect(run(() => Promise.reject(new Error("no")), wanted)).rejects.toThrow("no");
    expect(await run(async () => 2, wanted)).toBe(2);
  });
});
