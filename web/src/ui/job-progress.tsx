import { Progress, Stack, Text } from "@mantine/core";
import type { Job } from "@/api/generated";
import { duration } from "@/lib/format";
import { ended, jobName, waits } from "@/lib/job-words";
import { Changed } from "@/ui/changed";
import { stateColor } from "@/ui/state-badge";

/** How far a run is, as a bar and a sentence; of one that waits, its place in the line. */
export function JobProgress(props: { job: Job }) {
  const { job } = props;
  const sentence = progressSentence(job);
  return (
    <Stack gap={4}>
      {waits(job.status) || job.status === "succeeded" ? null : (
        <Progress
          value={job.progress.percent}
          color={stateColor(job.status)}
          size="sm"
          aria-label={`Progress of ${jobName(job)}`}
        />
      )}
      <Text size="xs" c="dimmed" truncate title={job.queue?.message ?? sentence}>
        <Changed value={sentence}>{sentence}</Changed>
      </Text>
    </Stack>
  );
}

export function progressSentence(job: Job): string {
  const percent = `${Math.floor(job.progress.percent)} %`;
  if (job.status === "validating_files") return "Its files are being read";
  if (job.status === "queued") return placeInLine(job.queue?.position ?? null);
  if (job.status === "running")
    return typeof job.eta_s === "number" ? `${percent}, ${duration(job.eta_s)} left` : percent;
  if (job.status === "paused") return `Paused at ${percent}`;
  const took = job.started_at && job.finished_at ? duration(job.finished_at - job.started_at) : null;
  if (job.status === "succeeded") return took ? `Done in ${took}` : "Done";
  if (!job.started_at && ended(job.status)) return "Never started";
  return took ? `Stopped at ${percent}, after ${took}` : `Stopped at ${percent}`;
}

function placeInLine(position: number | null): string {
  if (position === null) return "Waits for a worker";
  return position === 1 ? "Next in line" : `Number ${position} in line`;
}
