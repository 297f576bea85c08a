import { describe, expect, it } from "vitest";
import { bytes, counted, duration, figure, relative } from "@/lib/format";

describe("format", () => {
  it.each([
    [0, "0 s"],
    [89.6, "2 min"],
    [89, "89 s"],
    [3599, "60 min"],
    [3600, "1 h"],
    [4320, "1 h 12 min"],
    [7199, "2 h"],
    [90000, "1 d 1 h"],
  ])("a duration of %s s reads %s", (seconds, text) => expect(duration(seconds)).toBe(text));

  it("times are relative to now, in both directions", () => {
    expect(relative(1000, 1003)).toBe("just now");
    expect(relative(1000, 1240)).toBe("4 min ago");
    expect(relative(8200, 1000)).toBe("in 2 h");
  });

  it("sizes, counts and figures carry what a reader needs and no more", () => {
    expect(bytes(999)).toBe("999 B");
    expect(bytes(3_400_000_000)).toBe("3.4 GB");
    expect(counted(1, "record")).toBe("1 record");
    expect(counted(12400, "record")).toBe("12,400 records");
    expect([2.4832, 0.0005, 17.23, 0.664, 120000].map(figure)).toEqual(["2.48", "0.00050", "17.2", "0.664", "120,000"]);
  });
});
