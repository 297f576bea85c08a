import { Badge, Group, Stack, Text } from "@mantine/core";
import type { FileRecord } from "@/api/generated";
import { figure } from "@/lib/format";
import classes from "@/ui/previews/chat.module.css";
import { LongText } from "@/ui/previews/long-text";

/** Texts of an embedding model: alone, as a pair, a triplet, or two with how alike they are. */
export function Texts(props: { record: FileRecord }) {
  const { texts = [], score, kind } = props.record;
  return (
    <Stack gap={6}>
      {texts?.map((text, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the texts of a record never change
        <div key={i}>
          {kind === "sentence" ? null : (
            <Text size="xs" c="dimmed">
              {nameOf(i, kind)}
            </Text>
          )}
          <div className={classes.text}>
            <LongText text={text} />
          </div>
        </div>
      ))}
      {score !== null && score !== undefined ? (
        <Group gap={6}>
          <Text size="xs" c="dimmed">
            How alike, 0 to 1:
          </Text>
          <Text size="sm" fw={600}>
            {figure(score)}
          </Text>
        </Group>
      ) : null}
    </Stack>
  );
}

/** A text and the labels it has. */
export function Labelled(props: { record: FileRecord }) {
  return (
    <Stack gap={6}>
      <div className={classes.text}>
        <LongText text={props.record.text ?? ""} />
      </div>
      <Labels labels={props.record.labels ?? []} />
    </Stack>
  );
}

export function Labels(props: { labels: string[] }) {
  if (!props.labels.length)
    return (
      <Text size="xs" c="dimmed">
        No label: none of the classes.
      </Text>
    );
  return (
    <Group gap={6}>
      {props.labels.map((label) => (
        <Badge key={label} variant="light" tt="none" maw="100%">
          {label}
        </Badge>
      ))}
    </Group>
  );
}

function nameOf(index: number, kind: FileRecord["kind"]): string {
  if (kind === "scored_pair") return index === 0 ? "One text" : "The other";
  return ["Looked for", "Belongs to it", "Does not belong"][Math.min(index, 2)] ?? "";
}
