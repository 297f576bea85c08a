import { Anchor, Button, Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { Job, ModelFile } from "@/api/generated";
import { resultFilesOptions } from "@/api/job";
import { Snippets } from "@/features/job/config/snippets";
import { snippetsOf } from "@/features/job/result/use-snippets";
import { bytes, counted } from "@/lib/format";
import { CopyText } from "@/ui/copy-text";
import { Loaded } from "@/ui/loaded";

/** The model in somebody's own code, and its files. */
export function UseSection(props: { job: Job }) {
  const model = props.job.fine_tuned_model ?? "";
  const files = useQuery(resultFilesOptions(model));
  return (
    <Stack gap="lg">
      <Stack gap="sm" component="section">
        <Title order={2}>Use it from code</Title>
        <Text c="dimmed" maw={720}>
          This server speaks OpenAI's protocol: point any client at it and name the model. The key is read from
          TUNESMITH_API_KEY; make one under{" "}
          <Anchor component={Link} to="/settings/keys" underline="always" inherit>
            Settings
          </Anchor>
          .
        </Text>
        <CopyText text={model} what="the model's id" />
        <Snippets snippets={snippetsOf(props.job.task, model, window.location.origin)} />
      </Stack>
      <Stack gap="sm" component="section">
        <Title order={2}>Download it</Title>
        <Loaded query={files} what="The model's files">
          {(page) => <Files files={page.data} onStale={() => void files.refetch()} />}
        </Loaded>
      </Stack>
    </Stack>
  );
}

function Files(props: { files: readonly ModelFile[]; onStale: () => void }) {
  const all = props.files.reduce((sum, file) => sum + file.size_bytes, 0);
  return (
    <Card>
      <Stack gap="sm">
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            {counted(props.files.length, "file")}, {bytes(all)}. Links live 15 minutes.
          </Text>
          <Button variant="subtle" size="xs" onClick={props.onStale}>
            Fresh links
          </Button>
        </Group>
        <Table layout="fixed">
          <Table.Thead className="visually-hidden">
            <Table.Tr>
              <Table.Th>File</Table.Th>
              <Table.Th>Size</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {props.files.map((file) => (
              <Table.Tr key={file.path}>
                <Table.Td style={{ overflowWrap: "anywhere" }}>
                  <Anchor
                    href={file.url}
                    download={file.path.split("/").at(-1)}
                    size="sm"
                    title={`sha256 ${file.sha256}`}
                  >
                    <IconDownload size={14} aria-hidden style={{ verticalAlign: "-2px" }} /> {file.path}
                  </Anchor>
                </Table.Td>
                <Table.Td w={96} ta="right">
                  {bytes(file.size_bytes)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Stack>
    </Card>
  );
}
