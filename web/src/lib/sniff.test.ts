import { describe, expect, it } from "vitest";
import { sniff } from "@/lib/sniff";

function taken(text: string, hint = {}) {
  const found = sniff(text, hint);
  if ("problem" in found) throw new Error(found.problem);
  return found;
}

describe("sniff", () => {
  it("takes a table by its separator, and minds separators in quotation marks", () => {
    const found = taken('question,answer\n"Where, exactly?",Here\nWhen?,"Now\nor later"\n');
    expect(found.extension).toBe("csv");
    expect(found.takenFor).toBe("a table of 2 rows with the columns question, answer (separated by commas)");
    expect(taken("text\tlabel\na, b and c\tx\n").extension).toBe("tsv");
    expect(taken("text;label\na;x\n").takenFor).toContain("semicolons");
  });

  it("does not take a paragraph with commas for a table", () => {
    expect(sniff("Dear reader, this is prose, I think.\nIt goes on here, without columns, and, well, ends.")).toEqual({
      problem: expect.stringContaining("names its columns"),
    });
  });

  it("takes JSON lines, and writes a list or one pretty object as lines", () => {
    expect(taken('{"text": "a"}\n\n{"text": "b"}').content).toBe('{"text": "a"}\n{"text": "b"}\n');
    const list = taken('[\n  {"text": "a"},\n  {"text": "b"}\n]');
    expect([list.extension, list.content]).toEqual(["jsonl", '{"text":"a"}\n{"text":"b"}\n']);
    expect(taken('{\n "text": "a"\n}').content).toBe('{"text":"a"}\n');
  });

  it("keeps damaged lines for the server's check, and refuses what is damaged from its begin", () => {
    expect(taken('{"text": "a"}\n{"text": b}').takenFor).toContain("line 2 of them damaged");
    expect(sniff('{"text": \n oops')).toHaveProperty("problem");
    expect(sniff('[{"text": "a"}, {"te')).toEqual({ problem: expect.stringContaining("JSON list") });
  });

  it("takes FASTA, and bare sequences only where sequences are wanted", () => {
    expect(taken(">a one\nMKTAYIAKQR\n>b\nMKV").takenFor).toBe("FASTA with 2 sequences");
    expect(sniff("MKTAYIAKQRQ\nMKVLAAGIVAL")).toHaveProperty("problem");
    expect(taken("MKTAYIAKQRQ\nMKVLAAGIVAL", { wantsSequences: true }).content).toBe(
      ">line-1\nMKTAYIAKQRQ\n>line-2\nMKVLAAGIVAL\n",
    );
  });

  it("takes bare lines for texts only where a search wants them", () => {
    expect(taken("first thing\nsecond thing", { wantsSentences: true }).content).toBe(
      '{"text":"first thing"}\n{"text":"second thing"}\n',
    );
  });

  it("says that there is no text", () => expect(sniff("  \n ")).toEqual({ problem: "There is no text yet." }));
});
