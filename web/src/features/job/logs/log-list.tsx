import { UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { type LogLine, type LogRow, piecesOf } from "@/features/job/logs/log-lines";
import classes from "@/features/job/logs/log-list.module.css";

const LINE_PX = 20;
const NEAR_END_PX = 40;

/** Only the rows in view are in the page, however many there are. */
export function LogList(props: {
  rows: readonly LogRow[];
  search: string;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  /** Asks for the next page; null where there is none, or it is on its way. */
  more: (() => void) | null;
}) {
  const { rows, follow, more } = props;
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
    getItemKey: (i) => keyOf(rows[i], i),
  });
  const shown = list.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;

  useEffect(() => {
    if (more && (follow || last >= rows.length - 50)) more();
  }, [more, follow, last, rows.length]);
  useEffect(() => {
    if (follow && rows.length > 0) list.scrollToIndex(rows.length - 1, { align: "end" });
  }, [follow, rows.length, list]);

  return (
    <div
      ref={box}
      className={classes.box}
      role="log"
      aria-live="off"
      aria-label="Lines of the log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keys
      tabIndex={0}
      onWheel={(event) => {
        if (event.deltaY < 0 && follow) props.onFollow(false);
      }}
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        if (!follow && scrollHeight > clientHeight && scrollHeight - clientHeight - scrollTop < NEAR_END_PX && !more)
          props.onFollow(true);
      }}
    >
      <div style={{ height: list.getTotalSize(), position: "relative" }}>
        {shown.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <div
              key={item.key}
              ref={list.measureElement}
              data-index={item.index}
              className={classes.row}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              {row.type === "line" ? (
                <Line line={row.line} search={props.search} />
              ) : (
                <Trace row={row} open={open.has(row.id)} onToggle={() => setOpen(toggled(open, row.id))} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function keyOf(row: LogRow | undefined, i: number): string | number {
  if (!row) return i;
  return row.type === "line" ? row.line.id : row.id;
}

function toggled(open: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(open);
  if (!next.delete(id)) next.add(id);
  return next;
}

function Line(props: { line: LogLine; search: string }) {
  const { line } = props;
  return (
    <div className={`${classes.line} ${classes[levelOf(line)]}`}>
      <time className={classes.time}>{timeOf(line.at)}</time>
      <span>
        {piecesOf(line.text, props.search).map((piece, i) =>
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces stand in their order
          piece.found ? <mark key={i}>{piece.text}</mark> : <span key={i}>{piece.text}</span>,
        )}
      </span>
    </div>
  );
}

function Trace(props: { row: Extract<LogRow, { type: "trace" }>; open: boolean; onToggle: () => void }) {
  const { row, open } = props;
  return (
    <div className={classes.trace}>
      <UnstyledButton className={classes.line} aria-expanded={open} onClick={props.onToggle}>
        <time className={classes.time}>{timeOf(row.lines[0]?.at ?? 0)}</time>
        <span>
          {open ? <IconChevronDown size={14} aria-hidden /> : <IconChevronRight size={14} aria-hidden />} {row.cause}
          <span className={classes.note}> (error, {row.lines.length} lines)</span>
        </span>
      </UnstyledButton>
      {open ? row.lines.map((line) => <Line key={line.id} line={line} search="" />) : null}
    </div>
  );
}

function levelOf(line: LogLine): "plain" | "worker" | "fault" {
  if (line.kind === "worker") return "worker";
  return line.kind === "error" && /\b(error|exception|failed)\b/i.test(line.text) ? "fault" : "plain";
}

function timeOf(at: number): string {
  return new Date(at * 1000).toLocaleTimeString(undefined, { hour12: false });
}
