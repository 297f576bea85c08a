import { SimpleGrid, Stack, Text } from "@mantine/core";
import type { CheckpointAnswer, Job, JobCheckpoint } from "@/api/generated";
import classes from "@/features/job/training/answers.module.css";
import { count } from "@/lib/format";

/** Held-out prompts with what the records say (grey) beside what the model says (teal), early and late. */
export function SampleAnswers(props: { job: Job; first: JobCheckpoint; newest: JobCheckpoint; most?: number }) {
  const { job, first, newest } = props;
  const protein = job.task === "protein";
  return (
    <Stack gap="md">
      {(newest.answers ?? []).slice(0, props.most).map((answer) => {
        const earlier =
          first.id === newest.id ? undefined : first.answers?.find(({ prompt }) => prompt === answer.prompt);
        return (
          <div key={answer.prompt} className={classes.prompt}>
            <Text size="xs" c="dimmed">
              {protein ? "First residues of a held-out sequence" : "Held-out prompt"}
            </Text>
            <Said text={answer.prompt} protein={protein} />
            <SimpleGrid cols={{ base: 1, sm: earlier ? 3 : 2 }} mt="xs">
              <Pane title="The record says" look={classes.base} text={answer.reference} protein={protein} />
              {earlier ? (
                <Pane
                  title={`At step ${count(first.step_number)}`}
                  look={classes.early}
                  text={earlier.answer}
                  protein={protein}
                />
              ) : null}
              <Pane
                title={`At step ${count(newest.step_number)}`}
                look={classes.tuned}
                text={answer.answer}
                protein={protein}
              />
            </SimpleGrid>
          </div>
        );
      })}
    </Stack>
  );
}

/** Of one checkpoint: each prompt with its answer, and what the record says. */
export function AnswerList(props: { answers: readonly CheckpointAnswer[]; protein: boolean }) {
  return (
    <Stack gap="sm">
      {props.answers.map((answer) => (
        <div key={answer.prompt}>
          <Said text={answer.prompt} protein={props.protein} />
          <Pane title="It answers" look={classes.tuned} text={answer.answer} protein={props.protein} />
          {answer.reference ? (
            <Pane title="The record says" look={classes.base} text={answer.reference} protein={props.protein} />
          ) : null}
        </div>
      ))}
    </Stack>
  );
}

function Pane(props: { title: string; look: string | undefined; text: string; protein: boolean }) {
  return (
    <div className={`${classes.pane} ${props.look}`}>
      <Text size="xs" c="dimmed">
        {props.title}
      </Text>
      <Said text={props.text} protein={props.protein} />
    </div>
  );
}

function Said(props: { text: string; protein: boolean }) {
  if (!props.text)
    return (
      <Text size="sm" c="dimmed">
        (nothing)
      </Text>
    );
  return (
    <Text size="sm" ff={props.protein ? "monospace" : undefined} className={classes.said}>
      {props.text}
    </Text>
  );
}
