import { expect, test } from "vitest";
import { rightsWords, standing, whatStops } from "@/features/settings/keys/key-words";

test("a key's rights are told in the order of the scopes, and all of them in words", () => {
  expect(rightsWords({ kind: "user", scopes: ["infer", "read"] })).toBe("Read, Call models");
  expect(rightsWords({ kind: "admin", scopes: null })).toBe("All rights");
  expect(rightsWords({ kind: "worker", scopes: null })).toBe("Claim jobs");
});

test("a revoked key is revoked even after it would have expired", () => {
  expect(standing({ revoked_at: 5, expires_at: 10 }, 20)).toBe("revoked");
  expect(standing({ revoked_at: null, expires_at: 10 }, 10)).toBe("expired");
  expect(standing({ revoked_at: null, expires_at: 10 }, 9)).toBe("live");
  expect(standing({}, 9)).toBe("live");
});

test("what stops names the key, and differs for machines", () => {
  expect(whatStops({ kind: "user", prefix: "tsk_abc" })).toContain("tsk_abc");
  expect(whatStops({ kind: "user", prefix: "tsk_abc" })).toContain("signed out");
  expect(whatStops({ kind: "worker", prefix: "tsw_abc" })).toContain("claim no more jobs");
});
