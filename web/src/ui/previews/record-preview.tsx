import { Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { FileRecord } from "@/api/generated";
import { Chat, Preference } from "@/ui/previews/chat";
import { Sequence } from "@/ui/previews/sequence";
import { Labelled, Labels, Texts } from "@/ui/previews/texts";

/** One record in the form of its kind, or the fault that keeps it from being read. `plain` draws sequences without
 *  colours. */
export function RecordPreview(props: { record: FileRecord; plain?: boolean }) {
  const { record } = props;
  if (record.fault)
    return (
      <Group gap={8} wrap="nowrap" align="flex-start">
        <IconAlertTriangle size={16} aria-hidden color="var(--mantine-color-red-text)" style={{ flex: "none" }} />
        <Text c="var(--mantine-color-red-text)" style={{ overflowWrap: "anywhere" }}>
          {record.fault.message}
        </Text>
      </Group>
    );
  switch (record.kind) {
    case "chat":
    case "instruction":
    case "completion":
      return <Chat record={record} />;
    case "preference":
      return <Preference record={record} />;
    case "classification":
      return <Labelled record={record} />;
    case "sentence":
    case "pair":
    case "triplet":
    case "scored_pair":
      return <Texts record={record} />;
    case "sequence":
    case "labelled_sequence":
      return (
        <Stack gap={6}>
          <Sequence sequence={record.sequence ?? ""} name={record.name} plain={props.plain} />
          {record.kind === "labelled_sequence" ? <Labels labels={record.labels ?? []} /> : null}
        </Stack>
      );
    default:
      return <Text c="dimmed">This line is not read yet: say first what its columns are.</Text>;
  }
}
