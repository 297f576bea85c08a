import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { Job } from "@/api/generated";
import { resultOptions, useJobAction } from "@/api/job";
import { Fact } from "@/features/job/header/fact";
import { cloneQuery } from "@/features/job/header/failure-help";
import { verdictOf } from "@/features/job/result/verdict";

/** What next: of a waiting job why it waits and what to do, of a finished one its verdict and where it goes on. */
export function NextFact(props: { job: Job; onTab: (tab: string) => void }) {
  const { job, onTab } = props;
  switch (job.status) {
    case "validating_files":
    case "queued":
      return (
        <Fact question="What next?" answer={WAITS[job.queue?.reason ?? "workers_busy"] ?? "It waits for a worker"}>
          <Text size="sm" c="dimmed">
            {job.queue?.message ?? "A worker takes it as soon as one is free."}
          </Text>
        </Fact>
      );
    case "running":
      return (
        <Fact
          question="What next?"
          answer={job.pause_requested ? "It pauses after its next checkpoint" : "Nothing to do, watch it learn"}
        >
          <Text size="sm" c="dimmed">
            {job.pause_requested
              ? "Then resume it whenever you like; nothing that was learned is lost."
              : "You can leave this page: the run does not need it. A result is told when it is there."}
          </Text>
        </Fact>
      );
    case "paused":
      return <PausedNext job={job} />;
    case "succeeded":
      return <DoneNext job={job} onTab={onTab} />;
    case "failed":
      return (
        <Fact question="What next?" answer="Mend the cause, start again">
          <Stack gap={4} align="flex-start">
            {job.started_at != null ? (
              <Anchor component="button" type="button" size="sm" ta="left" onClick={() => onTab("logs")}>
                What the run wrote
              </Anchor>
            ) : null}
            <Anchor component={Link} to={cloneQuery(job, "again")} size="sm">
              The same again, unchanged
            </Anchor>
          </Stack>
        </Fact>
      );
    case "cancelled":
      return (
        <Fact question="What next?" answer="Start it anew">
          <Anchor component={Link} to={cloneQuery(job, "again")} size="sm">
            A new job with the same settings
          </Anchor>
        </Fact>
      );
  }
}

const WAITS: Partial<Record<NonNullable<Job["queue"]>["reason"], string>> = {
  validating_files: "Its data is being read",
  workers_busy: "It starts when a worker is free",
  no_worker_connected: "Connect a worker",
  no_worker_can_run_it: "Connect a worker that can run it",
  backing_off: "It is tried again in a moment",
};

function PausedNext(props: { job: Job }) {
  const act = useJobAction(props.job.id);
  return (
    <Fact question="What next?" answer="Resume it when you like">
      <Text size="sm" c="dimmed">
        {props.job.queue?.message ?? "It goes on from its last checkpoint."}
      </Text>
      <Group>
        <Button size="xs" loading={act.isPending} onClick={() => act.mutate("resume")}>
          Resume
        </Button>
      </Group>
    </Fact>
  );
}

function DoneNext(props: { job: Job; onTab: (tab: string) => void }) {
  const { job } = props;
  const result = useQuery({ ...resultOptions(job.fine_tuned_model ?? ""), enabled: job.fine_tuned_model !== null });
  const verdict = result.data ? verdictOf(result.data.comparisons) : null;
  return (
    <Fact question="What next?" answer={verdict ? NEXT[verdict] : "Use the model"}>
      <Stack gap={4} align="flex-start">
        <Anchor component="button" type="button" size="sm" ta="left" onClick={() => props.onTab("use")}>
          Use it from code, or download it
        </Anchor>
        <Anchor component={Link} to={`/tune?clone=${job.id}`} size="sm">
          Tune again with other settings
        </Anchor>
      </Stack>
    </Fact>
  );
}

const NEXT: Record<NonNullable<ReturnType<typeof verdictOf>>, string> = {
  better: "Use it, it got better",
  mixed: "Look before you use it",
  undecided: "Hold out more records to be sure",
  worse: "Do not use it, tune again",
};
