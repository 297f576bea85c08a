import { Alert, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Job } from "@/api/generated";
import { isLive, metricsOptions } from "@/api/job";
import { Curves } from "@/features/job/training/curves";
import { Meters } from "@/features/job/training/meters";
import { PhaseBar } from "@/features/job/training/phase-bar";
import { duration } from "@/lib/format";
import { doingNow } from "@/lib/job-words";
import { Loaded } from "@/ui/loaded";

/** How it learns: where its time goes, its curves, and what it uses. */
export function TrainingSection(props: { job: Job }) {
  const { job } = props;
  const metrics = useQuery({ ...metricsOptions(job.id), enabled: job.started_at !== null });
  return (
    <Stack gap="lg">
      <PhaseBar job={job} />
      {job.started_at === null ? (
        <Note job={job} />
      ) : (
        <Loaded query={metrics} what="The curves" skeleton={<Skeleton h={420} />}>
          {(page) =>
            page.data.filter((point) => point.values.train_loss !== undefined).length < 2 ? (
              <Note job={job} />
            ) : (
              <Curves job={job} metrics={page.data} />
            )
          }
        </Loaded>
      )}
      <Meters job={job} />
    </Stack>
  );
}

/** A curve of fewer than two points is none; when there will be one is said instead. */
function Note(props: { job: Job }) {
  return (
    <Alert color="gray" title="No curve yet">
      <Text size="sm">{whenFirst(props.job)}</Text>
    </Alert>
  );
}

/** Seconds to the first figures, from what comes before training on a small model. */
const BEFORE_TRAINING_S: Record<string, number> = {
  fetching_inputs: 30,
  starting: 25,
  loading_data: 20,
  splitting: 20,
  loading_model: 15,
  evaluating_base: 10,
  training: 5,
};

export function whenFirst(job: Pick<Job, "status" | "pause_requested" | "progress">): string {
  if (!isLive(job)) return "The run ended before it had trained two steps.";
  if (job.status !== "running") return "The loss is drawn here step by step once a worker trains the job.";
  const seconds = BEFORE_TRAINING_S[job.progress.phase ?? "fetching_inputs"];
  const now = doingNow(job);
  return `${now ? `${now} now. ` : ""}First value in about ${duration(seconds ?? 20)}; longer where a large model has to be loaded.`;
}
