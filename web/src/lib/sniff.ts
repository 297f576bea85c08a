import { counted } from "@/lib/format";

/** What pasted text was taken for, and the file that it becomes. */
export interface Sniffed {
  extension: "jsonl" | "csv" | "tsv" | "fasta";
  /** "a table of 12 rows, separated by commas". */
  takenFor: string;
  content: string;
}

/** The file that the text is by its own form, or the reason why it is none. */
export function sniff(pasted: string, hint: { wantsSequences?: boolean; wantsSentences?: boolean } = {}) {
  const text = pasted
    .replace(/^\uFEFF/, "")
    .replaceAll("\r\n", "\n")
    .trim();
  if (!text) return { problem: "There is no text yet." };
  if (text.startsWith(">")) return asFasta(text);
  if (text.startsWith("[")) return asArray(text) ?? asTable(text) ?? { problem: NOT_AN_ARRAY };
  if (text.startsWith("{")) return asJsonLines(text);
  return asTable(text) ?? asBareLines(text, hint);
}

export type Sniffing = Sniffed | { problem: string };

const NOT_AN_ARRAY = "This begins like a JSON list and cannot be read as one. Look at its end: is it all there?";

function asFasta(text: string): Sniffing {
  const n = text.split("\n").filter((line) => line.startsWith(">")).length;
  return { extension: "fasta", takenFor: `FASTA with ${counted(n, "sequence")}`, content: `${text}\n` };
}

function asArray(text: string): Sniffing | null {
  const value = json(text);
  if (!Array.isArray(value) || value.length === 0 || !value.every(isObject)) return null;
  return {
    extension: "jsonl",
    takenFor: `a JSON list of ${counted(value.length, "object")}, written one a line`,
    content: jsonLines(value),
  };
}

function asJsonLines(text: string): Sniffing {
  const whole = json(text);
  if (isObject(whole)) return { extension: "jsonl", takenFor: "JSON lines with 1 record", content: jsonLines([whole]) };
  const lines = text.split("\n").filter((line) => line.trim());
  const bad = lines.findIndex((line) => !isObject(json(line)));
  if (bad === 0) return { problem: "This begins like JSON, and its first line is no JSON object of its own." };
  return {
    extension: "jsonl",
    takenFor: `JSON lines with ${counted(lines.length, "record")}${bad > 0 ? `, line ${bad + 1} of them damaged` : ""}`,
    content: `${lines.join("\n")}\n`,
  };
}

const SEPARATORS = [
  ["\t", "tabs", "tsv"],
  [",", "commas", "csv"],
  [";", "semicolons", "csv"],
] as const;

/** A table has two lines or more whose cells are as many as the header's, and a header of short, different names. */
function asTable(text: string): Sniffing | null {
  for (const [separator, word, extension] of SEPARATORS) {
    const rows = cells(text, separator);
    const header = rows[0] ?? [];
    if (rows.length < 2 || header.length < 2 || !isHeader(header)) continue;
    const fitting = rows.filter((row) => row.length === header.length).length;
    if (fitting < 0.8 * rows.length) continue;
    const n = rows.length - 1;
    return {
      extension,
      takenFor: `a table of ${counted(n, "row")} with the columns ${header.map((name) => name.trim()).join(", ")} (separated by ${word})`,
      content: `${text}\n`,
    };
  }
  return null;
}

function isHeader(names: string[]): boolean {
  const trimmed = names.map((name) => name.trim());
  return new Set(trimmed).size === trimmed.length && trimmed.every((name) => name.length > 0 && name.length <= 64);
}

const RESIDUES = /^[A-Z*-]{10,}$/i;
const SINGLE_COLUMNS = new Set(["text", "sequence"]);

/** Lines without columns: sequences, or sentences for a search, where the goal is one of these. */
function asBareLines(text: string, hint: { wantsSequences?: boolean; wantsSentences?: boolean }): Sniffing {
  const lines = text.split("\n").filter((line) => line.trim());
  const first = lines[0]?.trim().toLowerCase() ?? "";
  if (SINGLE_COLUMNS.has(first) && lines.length > 1)
    return {
      extension: "csv",
      takenFor: `a table of ${counted(lines.length - 1, "row")} with the column ${first}`,
      content: `${text}\n`,
    };
  if (hint.wantsSequences && lines.every((line) => RESIDUES.test(line.trim())))
    return {
      extension: "fasta",
      takenFor: `${counted(lines.length, "sequence")}, one a line`,
      content: lines.map((line, i) => `>line-${i + 1}\n${line.trim()}\n`).join(""),
    };
  if (hint.wantsSentences && lines.length > 1)
    return {
      extension: "jsonl",
      takenFor: `${counted(lines.length, "text")}, one a line`,
      content: jsonLines(lines.map((line) => ({ text: line.trim() }))),
    };
  return {
    problem:
      "No table, JSON lines or FASTA was recognised. A table begins with a line that names its columns, such as: prompt,completion",
  };
}

/** Cells of a table, quotation marks minded. Enough to tell a table by; the server reads the file itself. */
function cells(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i += 1;
      } else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) {
      row.push(cell);
      cell = "";
    } else if (c === "\n") {
      rows.push([...row, cell]);
      row = [];
      cell = "";
    } else cell += c;
  }
  return [...rows, [...row, cell]];
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonLines(values: object[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}
