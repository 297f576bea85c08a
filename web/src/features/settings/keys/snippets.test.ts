import { expect, test } from "vitest";
import { snippets } from "@/features/settings/keys/snippets";

test("each snippet carries the key and the address", () => {
  for (const { code } of snippets("user", "tsk_1", "http://there:8000/v1")) {
    expect(code).toContain("tsk_1");
    expect(code).toContain("http://there:8000");
  }
});

test("programs of ours get the address without /v1, the others with it", () => {
  const [sdk, cli] = snippets("user", "tsk_1", "http://there:8000/v1");
  expect(sdk?.code).toContain('base_url="http://there:8000/v1"');
  expect(cli?.code).toContain("TUNESMITH_URL=http://there:8000\n");
});

test("a worker's key is only of use to a worker", () => {
  expect(snippets("worker", "tsw_1", "http://there:8000/v1").map(({ label }) => label)).toEqual(["Worker"]);
});
