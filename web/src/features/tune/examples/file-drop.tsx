import "@mantine/dropzone/styles.css";
import { Group, Stack, Text } from "@mantine/core";
import { Dropzone } from "@mantine/dropzone";
import { IconFileUpload } from "@tabler/icons-react";
import { useState } from "react";

/** The place to drop one file on, or to choose it. What it is, the server tells: browsers know no type for JSONL. */
export function FileDrop(props: { onFile: (file: File) => void }) {
  const [several, setSeveral] = useState(false);
  return (
    <Stack gap="xs">
      <Dropzone
        multiple={false}
        onDrop={(files) => {
          setSeveral(false);
          if (files[0]) props.onFile(files[0]);
        }}
        onReject={() => setSeveral(true)}
        aria-label="Drop a file here, or press Enter to choose one"
        inputProps={{ "aria-label": "File with examples" }}
        py={48}
      >
        <Group gap="md" wrap="nowrap" justify="center" style={{ pointerEvents: "none" }}>
          <IconFileUpload size={36} stroke={1.4} aria-hidden style={{ flex: "none" }} />
          <Stack gap={2}>
            <Text size="lg" fw={600}>
              Drop a file here, or click to choose one
            </Text>
            <Text c="dimmed">
              JSON lines (.jsonl), tables (.csv, .tsv) or FASTA (.fasta, .fa, .faa), each also packed as .gz
            </Text>
          </Stack>
        </Group>
      </Dropzone>
      {several ? (
        <Text c="var(--mantine-color-red-text)" role="alert">
          One file at a time: put the examples of one kind into one file.
        </Text>
      ) : null}
    </Stack>
  );
}
