import { expect, test } from "vitest";
import { localPath } from "@/lib/local-path";

test.each([
  ["/jobs?status=running#x", "/jobs?status=running#x"],
  ["/", "/"],
])("%s is kept", (wanted, kept) => {
  expect(localPath(wanted)).toBe(kept);
});

test.each([
  null,
  "",
  "jobs",
  "https://evil.example/",
  "//evil.example/a",
  "/\\evil.example",
  "/\t/evil.example",
  "javascript:alert(1)",
  "/sign-in?next=/",
])("%j leads home", (wanted) => {
  expect(localPath(wanted)).toBe("/");
});
