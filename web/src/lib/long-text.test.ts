import { describe, expect, it } from "vitest";
import { callText, shortened } from "@/lib/long-text";

describe("long texts", () => {
  it("are cut between words, and only when much is hidden by it", () => {
    expect(shortened("a".repeat(120), 100)).toBeNull();
    const cut = shortened("words and more ".repeat(20), 100);
    expect(cut?.length).toBeLessThanOrEqual(101);
    expect(cut).toMatch(/ (words|and|more)…$/);
  });

  it("without spaces are cut at the length", () => expect(shortened("x".repeat(500), 100)).toHaveLength(101));
});

describe("a tool call", () => {
  it("reads as a call", () =>
    expect(callText({ function: { name: "find", arguments: '{"id": 3}' } })).toBe('find({"id": 3})'));
  it("of an unknown form is shown whole", () => expect(callText({ odd: 1 })).toBe('{"odd":1}'));
});
