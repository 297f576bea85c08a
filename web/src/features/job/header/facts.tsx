import { Anchor, Group, Progress, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { Job, JobEvent } from "@/api/generated";
import { eventsOptions } from "@/api/job";
import { Fact } from "@/features/job/header/fact";
import { count, duration, exact, relative } from "@/lib/format";
import { doingNow } from "@/lib/job-words";
import { useNow } from "@/lib/use-now";
import { Changed } from "@/ui/changed";
import { stateColor } from "@/ui/state-badge";

/** Warnings of the run that lasts or came last; what an earlier attempt said is history. */
export function warningsOf(events: readonly JobEvent[]): JobEvent[] {
  return events.filter((event) => event.level !== "info");
}

/** Is it fine: the state, what it does, and what it was warned of. */
export function FineFact(props: { job: Job; onTab: (tab: string) => void }) {
  const { job } = props;
  const events = useQuery(eventsOptions(job.id));
  const warnings = warningsOf(events.data?.data ?? []);
  const newest = warnings.find((event) => event.level === "warn");
  return (
    <Fact question="Is it fine?" answer={healthOf(job, warnings.length)}>
      {job.status === "running" || !newest || job.status === "failed" ? (
        <Text size="sm" c="dimmed">
          {quietOf(job)}
        </Text>
      ) : null}
      {job.status !== "failed" && newest ? (
        <Group gap={6} wrap="nowrap" align="flex-start">
          <IconAlertTriangle size={16} color="var(--mantine-color-yellow-7)" style={{ flexShrink: 0 }} aria-hidden />
          <Text size="sm" lineClamp={4}>
            {newest.message}
          </Text>
        </Group>
      ) : null}
      {warnings.length > 1 ? (
        <Anchor component="button" type="button" size="sm" ta="left" onClick={() => props.onTab("events")}>
          All {count(warnings.length)} warnings
        </Anchor>
      ) : null}
    </Fact>
  );
}

function healthOf(job: Job, warnings: number): string {
  const but = warnings === 0 ? "" : warnings === 1 ? ", with a warning" : `, with ${count(warnings)} warnings`;
  switch (job.status) {
    case "validating_files":
      return `Its data is being checked${but}`;
    case "queued":
      return job.queue?.reason === "no_worker_connected" || job.queue?.reason === "no_worker_can_run_it"
        ? "No, it needs a worker"
        : `Yes, it waits its turn${but}`;
    case "running":
      return warnings ? `Running${but}` : "Yes, all is well";
    case "paused":
      return `Paused${but}`;
    case "succeeded":
      return `Yes, it is done${but}`;
    case "failed":
      return "No, it failed";
    case "cancelled":
      return "It was cancelled";
  }
}

function quietOf(job: Job): string {
  if (job.status === "failed") return job.attempts > 1 ? `After ${count(job.attempts)} attempts.` : "See why above.";
  if (job.status === "running") return `${doingNow(job) ?? "Running"}${job.worker ? ` on ${job.worker}` : ""}.`;
  if (job.status === "cancelled") return "Nothing more will happen to it.";
  return job.attempts > 1 ? `Attempt ${count(job.attempts)}. No warnings.` : "No warnings.";
}

/** When is it done: time left and how far it is; of an ended one how long it took. */
export function WhenFact(props: { job: Job }) {
  const { job } = props;
  const now = useNow();
  const steps =
    job.progress.total_steps == null ? null : `step ${count(job.progress.step)} of ${count(job.progress.total_steps)}`;
  const answer = doneWhen(job, now);
  return (
    <Fact question="When is it done?" answer={<Changed value={answer}>{answer}</Changed>}>
      <Progress
        value={job.progress.percent}
        color={stateColor(job.status)}
        aria-label="How far it is"
        transitionDuration={400}
      />
      <Text size="sm" c="dimmed">
        {job.progress.percent > 0 ? `${Math.floor(job.progress.percent)} %` : "Not begun"}
        {steps ? `, ${steps}` : ""}
        {job.status === "running" && job.estimated_finish ? `, at about ${clock(job.estimated_finish)}` : ""}
      </Text>
    </Fact>
  );
}

function doneWhen(job: Job, now: number): string {
  if (job.status === "running")
    return typeof job.eta_s === "number" ? `In about ${duration(job.eta_s)}` : "Known once it trains";
  if (job.status === "paused") return "When it is resumed";
  if (job.finished_at != null) {
    const took = job.started_at == null ? "" : `, took ${duration(job.finished_at - job.started_at)}`;
    return `${job.status === "succeeded" ? "Done" : "Ended"} ${relative(job.finished_at, now)}${took}`;
  }
  if (job.queue?.position === 1) return "Next in line";
  return job.queue?.position ? `Number ${count(job.queue.position)} in line` : "Not started yet";
}

function clock(at: number): string {
  const today = new Date().toDateString() === new Date(at * 1000).toDateString();
  return today ? new Date(at * 1000).toLocaleTimeString(undefined, { timeStyle: "short" }) : exact(at);
}
