import { describe, expect, it } from "vitest";
import { type LogLine, piecesOf, rowsOf } from "@/features/job/logs/log-lines";

const line = (text: string, kind: LogLine["kind"] = "error"): LogLine => ({ id: text, at: 0, kind, text });

describe("the log", () => {
  it("a traceback is one row that shows its error, and what follows it stands alone", () => {
    const rows = rowsOf(
      [
        "starting",
        "Traceback (most recent call last):",
        '  File "run.py", line 3, in <module>',
        "    main()",
        "ValueError: no such label",
        "cleaning up",
      ].map((text) => line(text)),
    );
    expect(rows.map((row) => (row.type === "trace" ? row.cause : row.line.text))).toEqual([
      "starting",
      "ValueError: no such label",
      "cleaning up",
    ]);
    expect(rows[1]?.type === "trace" && rows[1].lines).toHaveLength(4);
  });

  it("a traceback that is cut short, or has another stream's line in it, ends there", () => {
    const cut = rowsOf([line("Traceback (most recent call last):"), line("  File x")]);
    expect(cut).toHaveLength(1);
    const mixed = rowsOf([line("Traceback (most recent call last):"), line("  File x"), line("step 3", "output")]);
    expect(mixed).toHaveLength(2);
  });

  it("what is searched is marked wherever it stands, whatever its case", () => {
    expect(piecesOf("Loss and loss", "loss")).toEqual([
      { text: "Loss", found: true },
      { text: " and ", found: false },
      { text: "loss", found: true },
    ]);
    expect(piecesOf("a.b", ".")).toHaveLength(3);
    expect(piecesOf("none", "x")).toEqual([{ text: "none", found: false }]);
  });
});
