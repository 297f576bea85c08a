import type { JobLog } from "@/api/generated";

export type LogKind = "output" | "error" | "worker";

export interface LogLine {
  id: string;
  at: number;
  kind: LogKind;
  text: string;
}

/** A line of the list, or a traceback folded to its last line, which names the error. */
export type LogRow = { type: "line"; line: LogLine } | { type: "trace"; id: string; lines: LogLine[]; cause: string };

const KINDS: Record<string, LogKind> = { stdout: "output", stderr: "error", worker: "worker" };

export function lineOf(log: JobLog): LogLine {
  return { id: log.id, at: log.created_at, kind: KINDS[log.stream] ?? "output", text: log.text };
}

const TRACE_BEGINS = /^Traceback \(most recent call last\):/;

/** Lines with each Python traceback in one row: its frames are for whoever unfolds it, its last line for everybody. */
export function rowsOf(lines: readonly LogLine[]): LogRow[] {
  const rows: LogRow[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i];
    if (!line) break;
    if (!TRACE_BEGINS.test(line.text)) {
      rows.push({ type: "line", line });
      continue;
    }
    const end = endOfTrace(lines, i);
    const trace = lines.slice(i, end + 1);
    rows.push({ type: "trace", id: line.id, lines: trace, cause: causeOf(trace) });
    i = end;
  }
  return rows;
}

/** The last line of the traceback that begins at `from`: the first behind it that is not indented. */
function endOfTrace(lines: readonly LogLine[], from: number): number {
  const kind = lines[from]?.kind;
  for (let i = from + 1; i < lines.length; i += 1) {
    const line = lines[i];
    if (!line || line.kind !== kind) return i - 1;
    if (line.text !== "" && !/^\s/.test(line.text)) return i;
  }
  return lines.length - 1;
}

function causeOf(trace: readonly LogLine[]): string {
  return trace.findLast(({ text }) => text.trim() !== "")?.text ?? "An error";
}

/** The pieces of a text around what is searched, for marking. */
export function piecesOf(text: string, search: string): { text: string; found: boolean }[] {
  if (!search) return [{ text, found: false }];
  const pieces: { text: string; found: boolean }[] = [];
  const [low, wanted] = [text.toLowerCase(), search.toLowerCase()];
  // Letters whose lower case is longer would shift the places: then nothing is marked.
  if (low.length !== text.length) return [{ text, found: false }];
  let from = 0;
  for (let at = low.indexOf(wanted); at !== -1; at = low.indexOf(wanted, from)) {
    if (at > from) pieces.push({ text: text.slice(from, at), found: false });
    pieces.push({ text: text.slice(at, at + wanted.length), found: true });
    from = at + wanted.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), found: false });
  return pieces;
}
