import { beforeEach, expect, it } from "vitest";
import { forgetAttempt, keyOfAttempt } from "@/lib/attempt-key";

beforeEach(() => sessionStorage.clear());

it("the same wish has the same key until it was answered", () => {
  const first = keyOfAttempt({ model: "a" });
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(keyOfAttempt({ model: "a" })).toBe(first);
  forgetAttempt();
  expect(keyOfAttempt({ model: "a" })).not.toBe(first);
});

it("another wish has another key", () => {
  expect(keyOfAttempt({ model: "a" })).not.toBe(keyOfAttempt({ model: "b" }));
});
