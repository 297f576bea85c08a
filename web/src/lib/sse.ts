export interface SseMessage {
  event: string;
  data: string;
}

/** Server-sent events out of pieces of text, as the standard reads them. */
export class SseParser {
  /** The newest id that was told, also by a block without data. */
  lastId: string | null = null;
  /** How long the server asked to wait before coming back. */
  retryMs: number | null = null;
  private rest = "";

  /** The messages that this piece completes. */
  take(piece: string): SseMessage[] {
    // A line break that was cut in two is read when its second half is there.
    const text = this.rest + piece;
    const cut = text.endsWith("\r") ? text.length - 1 : text.length;
    const blocks = text.slice(0, cut).replaceAll("\r\n", "\n").replaceAll("\r", "\n").split("\n\n");
    this.rest = (blocks.pop() ?? "") + text.slice(cut);
    return blocks.flatMap((block) => this.read(block));
  }

  private read(block: string): SseMessage[] {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const [name, value] = field(line);
      if (name === "event") event = value;
      else if (name === "data") data.push(value);
      else if (name === "id" && !value.includes("\0")) this.lastId = value;
      else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    }
    return data.length ? [{ event, data: data.join("\n") }] : [];
  }
}

function field(line: string): [string, string] {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(" ") ? value.slice(1) : value];
}
