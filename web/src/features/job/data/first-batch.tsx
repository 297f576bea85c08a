import { Button, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import type { Job, MarkedText } from "@/api/generated";
import classes from "@/features/job/data/first-batch.module.css";
import { count } from "@/lib/format";

const FIRST = 3;

/** The first batch decoded again from its tokens: what the model really reads, with what it learns from marked. */
export function FirstBatch(props: { job: Job; batch: readonly (readonly MarkedText[])[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? props.batch : props.batch.slice(0, FIRST);
  return (
    <Stack gap="sm" component="section">
      <Title order={2}>The first batch, as the model reads it</Title>
      <Text c="dimmed" maw={720}>
        Decoded from the tokens themselves. <mark className={classes.trained}>Marked</mark> pieces are what it learns to
        write; the rest it only reads.
      </Text>
      {shown.map((record, i) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: records of a batch have no other name
          key={i}
          className={classes.record}
        >
          <Text size="xs" c="dimmed" mb={4}>
            Record {count(i + 1)}
          </Text>
          <div className={props.job.task === "protein" ? classes.sequence : classes.text}>
            {record.map((piece, j) =>
              piece.trained ? (
                // biome-ignore lint/suspicious/noArrayIndexKey: pieces stand in their order
                <mark key={j} className={classes.trained}>
                  {piece.text}
                </mark>
              ) : (
                // biome-ignore lint/suspicious/noArrayIndexKey: pieces stand in their order
                <span key={j}>{piece.text}</span>
              ),
            )}
          </div>
        </div>
      ))}
      {props.batch.length > FIRST ? (
        <Button variant="subtle" size="xs" onClick={() => setAll(!all)} style={{ alignSelf: "flex-start" }}>
          {all ? "Show fewer" : `Show ${count(props.batch.length - FIRST)} more`}
        </Button>
      ) : null}
    </Stack>
  );
}
