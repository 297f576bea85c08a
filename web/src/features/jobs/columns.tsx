import { Anchor, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Job, Priority } from "@/api/generated";
import { COLUMNS, type ColumnId } from "@/features/jobs/column-names";
import { type SortField, TASK_WORDS } from "@/features/jobs/filters";
import { duration, exact } from "@/lib/format";
import { doingNow, jobName } from "@/lib/job-words";
import { useNow } from "@/lib/use-now";
import { Ago } from "@/ui/ago";
import { Headline } from "@/ui/headline";
import { JobProgress } from "@/ui/job-progress";
import { Sparkline } from "@/ui/sparkline";
import { StateBadge } from "@/ui/state-badge";
import tone from "@/ui/tone.module.css";

/** One fact of a job, the same in a table's cell and on a card. `fact` is null where the job has none. */
export type Column = {
  id: ColumnId;
  label: string;
  /** Its share of the table, and in pixels the least that it takes. */
  width: number;
  sort?: SortField;
  fact: (job: Job) => ReactNode;
};

const PRIORITY_WORDS: Record<Priority, string> = { low: "Low", normal: "Normal", high: "High" };

const FACTS: Record<ColumnId, Omit<Column, "id" | "label">> = {
  state: { width: 124, sort: "status", fact: state },
  name: { width: 156, sort: "name", fact: name },
  model: { width: 148, fact: model },
  dataset: { width: 96, fact: dataset },
  progress: { width: 132, fact: (job) => <JobProgress job={job} /> },
  result: { width: 132, fact: (job) => (job.headline ? <Headline headline={job.headline} /> : null) },
  sparkline: { width: 72, fact: sparkline },
  queue: { width: 240, fact: (job) => (job.queue ? lines(job.queue.message) : null) },
  cost: { width: 84, fact: cost },
  task: { width: 120, fact: (job) => one(TASK_WORDS[job.task]) },
  priority: { width: 84, sort: "priority", fact: (job) => one(PRIORITY_WORDS[job.priority]) },
  worker: { width: 120, fact: (job) => (job.worker ? one(job.worker) : null) },
  backend: { width: 110, fact: (job) => one(job.backend) },
  provider: { width: 84, fact: (job) => one(job.provider) },
  project: { width: 110, fact: (job) => one(job.project) },
  owner: { width: 96, fact: (job) => one(job.owner) },
  age: { width: 80, sort: "created_at", fact: (job) => <Age since={job.created_at} /> },
  started: { width: 84, sort: "started_at", fact: (job) => moment(job.started_at) },
  ended: { width: 84, sort: "finished_at", fact: (job) => moment(job.finished_at) },
};

export function column(id: ColumnId): Column {
  return { id, label: COLUMNS[id], ...FACTS[id] };
}

function state(job: Job): ReactNode {
  const doing = doingNow(job);
  return (
    <Stack gap={2} align="flex-start">
      <StateBadge status={job.status} />
      {doing ? note(doing) : null}
    </Stack>
  );
}

function name(job: Job): ReactNode {
  return (
    <Anchor component={Link} to={`/jobs/${job.id}`} fw={600} size="sm" truncate display="block" title={jobName(job)}>
      {jobName(job)}
    </Anchor>
  );
}

function model(job: Job): ReactNode {
  const result = job.fine_tuned_model;
  return (
    <Stack gap={0}>
      <Text size="sm" className={tone.base} truncate title={job.model}>
        {job.model}
      </Text>
      {result ? (
        <Text size="xs" className={tone.tuned} truncate title={result}>
          <span aria-hidden>→</span> {result}
        </Text>
      ) : null}
    </Stack>
  );
}

function dataset(job: Job): ReactNode {
  if (!job.dataset) return null;
  return (
    <Stack gap={0}>
      {one(job.dataset.name)}
      {note(`version ${job.dataset.version}`)}
    </Stack>
  );
}

function sparkline(job: Job): ReactNode {
  if (!job.sparkline || job.sparkline.length < 2) return null;
  return <Sparkline values={job.sparkline} what="Training loss" />;
}

function cost(job: Job): ReactNode {
  if (!job.cost) return null;
  const of = `${duration(job.cost.worker_s)} of workers at ${job.cost.price_per_hour} an hour`;
  return (
    <Text size="sm" title={of}>
      {job.cost.value.toFixed(2)}
    </Text>
  );
}

function moment(at: number | null | undefined): ReactNode {
  if (!at) return null;
  return (
    <Text size="sm" lh={1.3}>
      <Ago at={at} />
    </Text>
  );
}

function Age(props: { since: number }) {
  const now = useNow();
  return (
    <Text size="sm" truncate title={exact(props.since)}>
      {duration(now - props.since)}
    </Text>
  );
}

function one(text: string): ReactNode {
  return (
    <Text size="sm" truncate title={text}>
      {text}
    </Text>
  );
}

function lines(text: string): ReactNode {
  return (
    <Text size="xs" lineClamp={2} title={text}>
      {text}
    </Text>
  );
}

function note(text: string): ReactNode {
  return (
    <Text size="xs" c="dimmed" truncate maw="100%" title={text}>
      {text}
    </Text>
  );
}
