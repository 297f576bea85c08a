import { Checkbox, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { Job } from "@/api/generated";
import type { Column } from "@/features/jobs/columns";
import type { Sort, SortField } from "@/features/jobs/filters";
import { JobRow } from "@/features/jobs/job-row";
import classes from "@/features/jobs/jobs-table.module.css";
import type { JobActions } from "@/features/jobs/use-job-actions";
import type { Selection } from "@/features/jobs/use-selection";

export const ROW_PX = 60;
const CHECK_PX = 36;
const MENU_PX = 44;
/** So many rows before the end the next page is asked for. */
const AHEAD = 15;

export type ListProps = {
  jobs: Job[];
  columns: Column[];
  selection: Selection;
  current: string | null;
  onCurrent: (id: string) => void;
  actions: JobActions;
  hasMore: boolean;
  onMore: () => void;
  onScrolled: (away: boolean) => void;
};

/** The rows in sight of however many there are; the head stays. */
export function JobsTable(props: ListProps & { sort: Sort; onSort: (field: SortField) => void }) {
  const { jobs, columns, selection, current, hasMore, onMore } = props;
  const frame = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: jobs.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    getItemKey: (i) => jobs[i]?.id ?? i,
    overscan: 8,
    initialRect: { width: 1024, height: 600 },
    scrollPaddingStart: 40,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= jobs.length - AHEAD) onMore();
  }, [hasMore, last, jobs.length, onMore]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list follows the cursor, not the jobs that come and go
  useEffect(() => {
    const at = jobs.findIndex((job) => job.id === current);
    if (at >= 0) rows.scrollToIndex(at, { align: "auto" });
  }, [current]);
  const before = shown[0]?.start ?? 0;
  const after = rows.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    <div
      ref={frame}
      className={classes.frame}
      onScroll={(event) => props.onScrolled(event.currentTarget.scrollTop > 0)}
    >
      <table
        className={classes.table}
        style={{ minWidth: widthOf(columns) }}
        aria-rowcount={hasMore ? -1 : jobs.length + 1}
      >
        <colgroup>
          <col style={{ width: CHECK_PX }} />
          {columns.map((column) => (
            <col key={column.id} style={{ width: column.width }} />
          ))}
          <col style={{ width: MENU_PX }} />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">
              <SelectAll jobs={jobs} selection={selection} />
            </th>
            {columns.map((column) => (
              <Head key={column.id} column={column} sort={props.sort} onSort={props.onSort} />
            ))}
            <th scope="col">
              <VisuallyHidden>Actions</VisuallyHidden>
            </th>
          </tr>
        </thead>
        <tbody>
          <Spacer px={before} />
          {shown.map(({ index }) => {
            const job = jobs[index];
            return job ? (
              <JobRow
                key={job.id}
                job={job}
                place={index + 2}
                columns={columns}
                selected={selection.has(job.id)}
                current={job.id === current}
                onToggle={selection.toggle}
                onCurrent={props.onCurrent}
                actions={props.actions}
              />
            ) : null;
          })}
          <Spacer px={after} />
        </tbody>
      </table>
    </div>
  );
}

export function widthOf(columns: Column[]): number {
  return columns.reduce((sum, column) => sum + column.width, CHECK_PX + MENU_PX);
}

function Spacer(props: { px: number }) {
  if (props.px <= 0) return null;
  return (
    <tr className={classes.spacer} aria-hidden>
      <td style={{ height: props.px }} />
    </tr>
  );
}

function SelectAll(props: { jobs: Job[]; selection: Selection }) {
  const { jobs, selection } = props;
  const all = jobs.length > 0 && selection.jobs.length === jobs.length;
  return (
    <Checkbox
      size="xs"
      aria-label={all ? "Select none" : "Select all that are loaded"}
      checked={all}
      indeterminate={selection.jobs.length > 0 && !all}
      onChange={() => selection.set(all ? [] : jobs.map((job) => job.id))}
    />
  );
}

function Head(props: { column: Column; sort: Sort; onSort: (field: SortField) => void }) {
  const { column, sort, onSort } = props;
  const field = column.sort;
  if (!field) return <th scope="col">{column.label}</th>;
  const sorted = sort.field === field;
  const Arrow = sort.descending ? IconArrowDown : IconArrowUp;
  return (
    <th scope="col" aria-sort={sorted ? (sort.descending ? "descending" : "ascending") : "none"}>
      <UnstyledButton className={classes.sort} fz="xs" onClick={() => onSort(field)} title={`Sort by ${column.label}`}>
        {column.label}
        {sorted ? <Arrow size={14} aria-hidden /> : null}
      </UnstyledButton>
    </th>
  );
}
