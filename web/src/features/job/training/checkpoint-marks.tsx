import { Popover, Text, UnstyledButton } from "@mantine/core";
import { IconFlag3Filled } from "@tabler/icons-react";
import { useState } from "react";
import type { Job, JobCheckpoint } from "@/api/generated";
import classes from "@/features/job/training/marks.module.css";
import { AnswerList } from "@/features/job/training/sample-answers";
import { count, counted, figure } from "@/lib/format";
import { CopyText } from "@/ui/copy-text";

/** A flag on the curve for each published checkpoint; pointed at, focused or tapped it shows what it answers. */
export function CheckpointMarks(props: {
  job: Job;
  checkpoints: readonly JobCheckpoint[];
  place: (step: number) => number | null;
}) {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <div className={classes.flags}>
      {props.checkpoints.map((checkpoint) => {
        const left = props.place(checkpoint.step_number);
        if (left === null) return null;
        return (
          <Popover
            key={checkpoint.id}
            opened={open === checkpoint.id}
            onChange={(is) => setOpen(is ? checkpoint.id : null)}
            width={380}
            position="top"
            withArrow
            shadow="md"
            withinPortal
          >
            <Popover.Target>
              <UnstyledButton
                className={classes.flag}
                style={{ left }}
                aria-label={`Checkpoint at step ${count(checkpoint.step_number)}`}
                onMouseEnter={() => setOpen(checkpoint.id)}
                onFocus={() => setOpen(checkpoint.id)}
                onClick={() => setOpen(checkpoint.id)}
                onMouseLeave={(event) => {
                  // Into the pane itself one may go, to read and to copy.
                  const to = event.relatedTarget;
                  if (!(to instanceof Element && to.closest("[data-checkpoint-pane]"))) setOpen(null);
                }}
              >
                <IconFlag3Filled size={14} aria-hidden />
              </UnstyledButton>
            </Popover.Target>
            <Popover.Dropdown data-checkpoint-pane className={classes.pane} onMouseLeave={() => setOpen(null)}>
              <Pane job={props.job} checkpoint={checkpoint} />
            </Popover.Dropdown>
          </Popover>
        );
      })}
    </div>
  );
}

function Pane(props: { job: Job; checkpoint: JobCheckpoint }) {
  const { checkpoint } = props;
  const answers = checkpoint.answers ?? [];
  const figures = [
    ["training loss", checkpoint.metrics.train_loss],
    ["held-out loss", checkpoint.metrics.full_valid_loss],
  ] as const;
  return (
    <>
      <Text fw={600} size="sm">
        Checkpoint at step {count(checkpoint.step_number)}
      </Text>
      <Text size="xs" c="dimmed" mb={6}>
        {figures
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => `${name} ${figure(value ?? 0)}`)
          .join(", ")}
      </Text>
      {checkpoint.fine_tuned_model_checkpoint ? (
        <CopyText text={checkpoint.fine_tuned_model_checkpoint} what="the checkpoint's model id" />
      ) : null}
      <Text size="xs" c="dimmed" mt={8}>
        {answers.length > 0
          ? `${counted(answers.length, "sample answer")} to held-out prompts`
          : "No sample answers: this kind of model writes none."}
      </Text>
      <AnswerList answers={answers} protein={props.job.task === "protein"} />
    </>
  );
}
