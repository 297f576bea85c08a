import { Anchor, Button, Card, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Job, PageJob } from "@/api/generated";
import { FAILED, FINISHED, RUNNING, WAITING } from "@/features/home/use-facts";
import { doingNow, jobName } from "@/lib/job-words";
import { Ago } from "@/ui/ago";
import { ErrorState } from "@/ui/error-state";
import { Headline } from "@/ui/headline";
import { JobProgress, progressSentence } from "@/ui/job-progress";
import { Sparkline } from "@/ui/sparkline";
import { StateBadge } from "@/ui/state-badge";
import tone from "@/ui/tone.module.css";

const WAITING_LIST = "/jobs?status=validating_files%2Cqueued";

/** What runs, what waits, what came out, and what went wrong: each with where to go next. */
export function JobLines() {
  const running = useQuery(RUNNING);
  const waiting = useQuery(WAITING);
  const finished = useQuery(FINISHED);
  const failed = useQuery(FAILED);
  return (
    <Stack gap="lg">
      <Section title="Running now" query={running} all="/jobs?status=running" none="Nothing runs at the moment.">
        {(job) => <RunningLine job={job} />}
      </Section>
      <Waiting query={waiting} />
      <Section
        title="Finished last"
        query={finished}
        all="/jobs?status=succeeded&sort=-finished_at"
        none="No job has finished yet."
      >
        {(job) => <FinishedLine job={job} />}
      </Section>
      <Section title="Failed last" query={failed} all="/jobs?status=failed&sort=-finished_at" none={null}>
        {(job) => <FailedLine job={job} />}
      </Section>
    </Stack>
  );
}

/** A list of a few jobs; with `none` null it is left out where there are none. */
function Section(props: {
  title: string;
  query: UseQueryResult<PageJob>;
  all: string;
  none: string | null;
  children: (job: Job) => ReactNode;
}) {
  const { title, query, none } = props;
  const jobs = query.data?.data;
  if (none === null && (jobs === undefined || jobs.length === 0) && !query.error) return null;
  return (
    <Stack gap="xs" component="section" aria-label={title}>
      {jobs?.length ? (
        <Heading title={title} more={query.data?.has_more ?? false} all={props.all} />
      ) : (
        <Title order={2}>{title}</Title>
      )}
      {jobs === undefined ? (
        query.error ? (
          <ErrorState error={query.error} what={`${title}: not loaded`} onRetry={() => void query.refetch()} />
        ) : (
          <Skeleton h={76} radius="md" />
        )
      ) : jobs.length === 0 ? (
        <Text c="dimmed">{none}</Text>
      ) : (
        jobs.map((job) => (
          <Card key={job.id} padding="sm">
            {props.children(job)}
          </Card>
        ))
      )}
    </Stack>
  );
}

function Name(props: { job: Job }) {
  return (
    <Anchor component={Link} to={`/jobs/${props.job.id}`} fw={600} truncate style={{ minWidth: 0 }}>
      {jobName(props.job)}
    </Anchor>
  );
}

function RunningLine({ job }: { job: Job }) {
  return (
    <Stack gap="xs">
      <Group justify="space-between" wrap="nowrap">
        <Name job={job} />
        <StateBadge status={job.status} />
      </Group>
      <Group justify="space-between" align="flex-end" wrap="nowrap" gap="lg">
        <Stack gap={2} flex={1} miw={0}>
          <Text size="sm" c="dimmed" truncate>
            {doingNow(job) ?? "Starting"}
          </Text>
          <JobProgress job={job} />
        </Stack>
        {job.headline ? <Headline headline={job.headline} /> : null}
        {job.sparkline ? <Sparkline values={job.sparkline} what="Training loss" /> : null}
      </Group>
    </Stack>
  );
}

/** Those that wait mostly do so for one reason: it is told once, of the next in line. */
function Waiting(props: { query: UseQueryResult<PageJob> }) {
  const jobs = props.query.data?.data ?? [];
  const why = jobs.find((job) => job.queue)?.queue?.message;
  if (jobs.length === 0) return null;
  return (
    <Stack gap="xs" component="section" aria-label="Waiting">
      <Heading title="Waiting" more={props.query.data?.has_more ?? false} all={WAITING_LIST} />
      <Card padding="sm">
        <Stack gap="xs">
          {why ? <Text size="sm">{why}</Text> : null}
          {jobs.map((job) => (
            <Group key={job.id} justify="space-between" wrap="nowrap">
              <Name job={job} />
              <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
                {progressSentence(job)}
              </Text>
            </Group>
          ))}
        </Stack>
      </Card>
    </Stack>
  );
}

function Heading(props: { title: string; more: boolean; all: string }) {
  return (
    <Group justify="space-between" align="baseline">
      <Title order={2}>{props.title}</Title>
      <Anchor component={Link} to={props.all} size="sm">
        {props.more ? "All of them" : "In the list"}
      </Anchor>
    </Group>
  );
}

function FinishedLine({ job }: { job: Job }) {
  const verdict = job.headline?.verdict;
  return (
    <Stack gap={4}>
      <Group justify="space-between" wrap="nowrap">
        <Name job={job} />
        <When at={job.finished_at} />
      </Group>
      <Text size="sm" className={verdict ? tone[verdict] : undefined}>
        {job.headline?.sentence ?? "It is done; there were too few records to hold some out and compare."}
      </Text>
    </Stack>
  );
}

function FailedLine({ job }: { job: Job }) {
  return (
    <Stack gap="xs">
      <Group justify="space-between" wrap="nowrap">
        <Name job={job} />
        <When at={job.finished_at} />
      </Group>
      <Text size="sm" style={{ overflowWrap: "anywhere" }} lineClamp={3}>
        {job.error?.message ?? "It ended without a reason."}
      </Text>
      <Group gap="xs">
        <Button component={Link} to={`/jobs/${job.id}`} size="compact-sm" variant="default">
          See the cause
        </Button>
        <Button component={Link} to={`/tune?clone=${job.id}`} size="compact-sm" variant="default">
          Start it again with changes
        </Button>
      </Group>
    </Stack>
  );
}

function When(props: { at: number | null }) {
  if (props.at === null) return null;
  return (
    <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
      <Ago at={props.at} />
    </Text>
  );
}
