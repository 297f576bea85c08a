import { ActionIcon, Button, Group, Text, TextInput, Title } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useRenameDataset } from "@/api/datasets";
import { messageOf } from "@/api/error";
import { fileQuery } from "@/api/files";
import type { Draft } from "@/features/tune/draft";

/** The data set's name, which can be changed; of a lone file its file name. */
export function DatasetName(props: { draft: Draft; set: (change: Partial<Draft>) => void }) {
  const { datasetId, datasetName, fileId } = props.draft;
  const [editing, setEditing] = useState(false);
  if (!datasetId) return <FileName fileId={fileId ?? ""} />;
  const name = datasetName ?? datasetId;
  if (editing)
    return (
      <Rename
        datasetId={datasetId}
        name={name}
        onDone={(changed) => {
          if (changed) props.set({ datasetName: changed });
          setEditing(false);
        }}
      />
    );
  return (
    <Group gap={4} wrap="nowrap">
      <Title order={3} style={{ overflowWrap: "anywhere" }}>
        {name}
      </Title>
      <ActionIcon
        variant="subtle"
        color="gray"
        onClick={() => setEditing(true)}
        aria-label={`Rename the data set ${name}`}
      >
        <IconPencil size={16} />
      </ActionIcon>
    </Group>
  );
}

function FileName(props: { fileId: string }) {
  const query = useQuery(fileQuery(props.fileId));
  return (
    <Title order={3} style={{ overflowWrap: "anywhere" }}>
      {query.data?.filename ?? props.fileId}
    </Title>
  );
}

function Rename(props: { datasetId: string; name: string; onDone: (name: string | null) => void }) {
  const [name, setName] = useState(props.name);
  const rename = useRenameDataset(props.datasetId);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        rename.mutate(name.trim(), { onSuccess: (changed) => props.onDone(changed.name) });
      }}
    >
      <Group gap="xs" align="flex-start">
        <TextInput
          aria-label="Name of the data set"
          value={name}
          maxLength={96}
          required
          autoFocus
          error={rename.error ? messageOf(rename.error) : undefined}
          onChange={(event) => setName(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") props.onDone(null);
          }}
        />
        <Button type="submit" loading={rename.isPending}>
          Rename
        </Button>
        <Button variant="subtle" color="gray" onClick={() => props.onDone(null)}>
          <Text span size="sm">
            Keep the name
          </Text>
        </Button>
      </Group>
    </form>
  );
}
