import { Checkbox, Text } from "@mantine/core";
import { memo } from "react";
import type { Job } from "@/api/generated";
import type { Column } from "@/features/jobs/columns";
import classes from "@/features/jobs/jobs-table.module.css";
import { RowMenu } from "@/features/jobs/row-menu";
import type { JobActions } from "@/features/jobs/use-job-actions";
import { jobName } from "@/lib/job-words";

export type JobProps = {
  job: Job;
  columns: Column[];
  selected: boolean;
  current: boolean;
  onToggle: (id: string) => void;
  onCurrent: (id: string) => void;
  actions: JobActions;
};

/** A job as a row of the table; `place` is its number among all rows, the head being the first. */
export const JobRow = memo(function JobRow(props: JobProps & { place: number }) {
  const { job, columns, selected, current, onToggle, onCurrent, actions } = props;
  return (
    <tr
      className={classes.row}
      aria-rowindex={props.place}
      data-job={job.id}
      data-selected={selected || undefined}
      data-current={current || undefined}
      onFocus={() => onCurrent(job.id)}
    >
      <td>
        <JobCheckbox job={job} selected={selected} onToggle={onToggle} />
      </td>
      {columns.map(({ id, fact }) => (
        <td key={id}>{fact(job) ?? <Nothing />}</td>
      ))}
      <td>
        <RowMenu job={job} actions={actions} />
      </td>
    </tr>
  );
});

export function JobCheckbox(props: { job: Job; selected: boolean; onToggle: (id: string) => void }) {
  const { job, selected, onToggle } = props;
  return (
    <Checkbox size="xs" aria-label={`Select ${jobName(job)}`} checked={selected} onChange={() => onToggle(job.id)} />
  );
}

function Nothing() {
  return (
    <Text size="sm" c="dimmed" aria-label="none">
      –
    </Text>
  );
}
