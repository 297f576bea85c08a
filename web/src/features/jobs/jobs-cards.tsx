import { Card, Group, Stack } from "@mantine/core";
import { useWindowScroll } from "@mantine/hooks";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import { JobCheckbox, type JobProps } from "@/features/jobs/job-row";
import type { ListProps } from "@/features/jobs/jobs-table";
import classes from "@/features/jobs/jobs-table.module.css";
import { RowMenu } from "@/features/jobs/row-menu";

const USUAL_CARD_PX = 300;
const GAP_PX = 12;
const AHEAD = 8;

/** The same facts in the same order, a card a job: for a narrow window, which scrolls as a whole. */
export function JobsCards(props: ListProps) {
  const { jobs, selection, hasMore, onMore, onScrolled } = props;
  const list = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), []);
  const cards = useWindowVirtualizer({
    count: jobs.length,
    estimateSize: () => USUAL_CARD_PX,
    getItemKey: (i) => jobs[i]?.id ?? i,
    gap: GAP_PX,
    overscan: 4,
    scrollMargin: top,
  });
  const shown = cards.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= jobs.length - AHEAD) onMore();
  }, [hasMore, last, jobs.length, onMore]);
  const [{ y }] = useWindowScroll();
  useEffect(() => onScrolled(y > top), [onScrolled, y, top]);
  return (
    <ul ref={list} className={classes.cards} style={{ height: cards.getTotalSize() }} aria-label="Jobs">
      {shown.map(({ index, start }) => {
        const job = jobs[index];
        return job ? (
          <li
            key={job.id}
            ref={cards.measureElement}
            data-index={index}
            style={{ transform: `translateY(${start - top}px)` }}
          >
            <JobCard
              job={job}
              columns={props.columns}
              selected={selection.has(job.id)}
              current={job.id === props.current}
              onToggle={selection.toggle}
              onCurrent={props.onCurrent}
              actions={props.actions}
            />
          </li>
        ) : null;
      })}
    </ul>
  );
}

const JobCard = memo(function JobCard(props: JobProps) {
  const { job, selected } = props;
  const facts = props.columns.map(({ id, label, fact }) => ({ id, label, shown: fact(job) }));
  const name = facts.find(({ id }) => id === "name");
  return (
    <Card className={classes.card} padding="sm" data-job={job.id} data-selected={selected || undefined}>
      <Stack gap="sm">
        <Group gap="sm" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap" miw={0}>
            <JobCheckbox job={job} selected={selected} onToggle={props.onToggle} />
            <div style={{ minWidth: 0 }}>{name?.shown}</div>
          </Group>
          <RowMenu job={job} actions={props.actions} />
        </Group>
        <dl className={classes.facts}>
          {facts.map(({ id, label, shown }) =>
            id === "name" || shown === null ? null : (
              <div key={id} style={{ display: "contents" }}>
                <dt>{label}</dt>
                <dd>{shown}</dd>
              </div>
            ),
          )}
        </dl>
      </Stack>
    </Card>
  );
});
