import { List, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { messageOf } from "@/api/error";
import type { Job, Priority } from "@/api/generated";
import { cancelJobs, pauseJob, resumeJob, updateJob } from "@/api/jobs";
import { whatIsLost } from "@/features/jobs/losses";
import { counted } from "@/lib/format";
import { jobName, may } from "@/lib/job-words";
import { askFirst } from "@/ui/ask-first";

export type JobActions = {
  cancel: (jobs: Job[], done?: () => void) => void;
  pause: (job: Job) => void;
  resume: (job: Job) => void;
  prioritise: (job: Job, priority: Priority) => void;
};

/** What the page does to jobs. Each tells its outcome, or why it was refused; cancelling asks first. */
export function useJobActions(): JobActions {
  const client = useQueryClient();
  const cancel = useMutation({ ...cancelJobs(client), onError: tellError });
  const pause = useMutation({ ...pauseJob(client), onError: tellError });
  const resume = useMutation({ ...resumeJob(client), onError: tellError });
  const update = useMutation({ ...updateJob(client), onError: tellError });
  return useMemo(
    () => ({
      cancel: (jobs, done) => {
        const live = jobs.filter((job) => may(job).cancel);
        if (live.length === 0) return tell("Nothing to cancel: these jobs have ended.");
        askBeforeCancelling(live, () =>
          cancel.mutate(live, {
            onSuccess: (n) => {
              tell(`${counted(n, "job")} cancelled.`);
              done?.();
            },
          }),
        );
      },
      pause: (job) =>
        pause.mutate(job.id, {
          onSuccess: (now) =>
            tell(
              now.status === "paused"
                ? `${jobName(now)} is paused.`
                : `${jobName(now)} pauses once its worker has put down a checkpoint.`,
            ),
        }),
      resume: (job) => resume.mutate(job.id, { onSuccess: (now) => tell(`${jobName(now)} goes on.`) }),
      prioritise: (job, priority) =>
        update.mutate(
          { id: job.id, change: { priority } },
          { onSuccess: (now) => tell(`${jobName(now)} has ${now.priority} priority.`) },
        ),
    }),
    [cancel.mutate, pause.mutate, resume.mutate, update.mutate],
  );
}

/** Names what will be gone before it is. */
function askBeforeCancelling(jobs: Job[], onConfirm: () => void): void {
  const first = jobs[0];
  const what = jobs.length === 1 && first ? jobName(first) : counted(jobs.length, "job");
  askFirst({
    title: `Cancel ${what}?`,
    children: (
      <Stack gap="xs">
        <List size="sm" spacing={4}>
          {whatIsLost(jobs).map((line) => (
            <List.Item key={line}>{line}</List.Item>
          ))}
        </List>
        <Text size="sm" c="dimmed">
          Cancelling is final. A paused job can go on later; a cancelled one can only be cloned.
        </Text>
      </Stack>
    ),
    labels: { confirm: `Cancel ${what}`, cancel: jobs.length === 1 ? "Keep it" : "Keep them" },
    confirmProps: { color: "red" },
    onConfirm,
  });
}

function tell(message: string): void {
  notifications.show({ message, color: "teal" });
}

function tellError(error: unknown): void {
  notifications.show({ title: "That did not work", message: messageOf(error), color: "red", autoClose: 10_000 });
}
