import { describe, expect, it } from "vitest";
import type { Report } from "@/api/files";
import { suggestRoles } from "@/features/tune/examples/suggest";
import { foundSentence, goalsFor, tooFew } from "@/features/tune/examples/words";

function report(change: Partial<Report>): Report {
  return {
    object: "file.report",
    file_id: "file-1",
    kind: "chat",
    format: "jsonl",
    n_records: 320,
    n_faults: 0,
    faults: [],
    duplicates: 0,
    length: { unit: "characters", minimum: 3, median: 412, p95: 900, maximum: 2000, total: 100_000 },
    lengths: null,
    labels: null,
    columns: null,
    roles: [],
    possible_roles: [],
    findings: [],
    ...change,
  };
}

describe("what was found, as a sentence", () => {
  it("tells records, their length, faults and duplicates", () => {
    expect(foundSentence(report({ n_faults: 3, duplicates: 12 }))).toBe(
      "320 conversations, median 412 characters; 3 lines cannot be read, 12 are duplicates.",
    );
    expect(foundSentence(report({ kind: "pair", n_records: 1, duplicates: 1, length: null }))).toBe(
      "1 pair of texts; 1 is a duplicate.",
    );
  });

  it("leaves out what there is nothing of", () =>
    expect(foundSentence(report({}))).toBe("320 conversations, median 412 characters."));

  it("says so when no line can be read", () =>
    expect(foundSentence(report({ kind: null, n_records: 0, n_faults: 2 }))).toContain("2 lines cannot be read"));
});

describe("too few examples", () => {
  it("are told before the job is made, by what they mean", () => {
    expect(tooFew(1)?.level).toBe("error");
    expect(tooFew(9)?.text).toContain("by heart");
    expect(tooFew(19)?.text).toContain("Add 1 more");
    expect(tooFew(20)).toBeNull();
  });
});

it("goals are offered by what the records are", () => {
  expect(goalsFor("classification")).toEqual(["classify"]);
  expect(goalsFor("sequence")).toEqual(["search", "protein"]);
  expect(goalsFor("instruction")).toEqual(["chat", "extract"]);
});

describe("roles of unknown columns", () => {
  const possible = ["text", "label", "instruction", "output", "anchor", "positive", "sequence"];
  const column = (name: string, ...examples: string[]) => ({ name, role: null, examples });

  it("are guessed by their names", () => {
    const columns = [column("ticket_id", "1"), column("Customer question", "Where?"), column("Our reply", "Here.")];
    expect(suggestRoles(columns, "chat", possible)).toEqual({
      "Customer question": "instruction",
      "Our reply": "output",
    });
  });

  it("are guessed by what stands in them where names say nothing", () => {
    const columns = [column("a", "x"), column("b", "a long text about something else")];
    expect(suggestRoles(columns, "classify", possible)).toEqual({ b: "text", a: "label" });
    expect(suggestRoles([column("a", "7"), column("b", "MKTAYIAKQR")], "protein", possible)).toEqual({ b: "sequence" });
  });

  it("are taken by their names alone where others are known already", () => {
    const columns = [column("question", "Where?"), column("answer", "Here.")];
    const strictly = { byNameAlone: true };
    expect(suggestRoles(columns, "chat", possible, strictly)).toEqual({ question: "instruction", answer: "output" });
    expect(suggestRoles(columns, "classify", possible, strictly)).toEqual({});
  });

  it("are never ones that the server does not know", () =>
    expect(suggestRoles([column("q", "a"), column("z", "b")], "search", ["text"])).toEqual({}));
});
