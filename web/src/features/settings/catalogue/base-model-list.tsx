import { Anchor, Badge, Card, Group, Stack, Table, Text } from "@mantine/core";
import type { BaseModelEntry } from "@/api/generated";
import { sizeWords, sourceWords, taskWords } from "@/features/settings/catalogue/filter";
import { Facts } from "@/features/settings/facts";
import { bytes, count } from "@/lib/format";
import { usePhone } from "@/lib/use-phone";
import { CopyText } from "@/ui/copy-text";
import { Term } from "@/ui/term";

const SIZE = "Number of weights: M is a million, B a thousand million. More can do more, and cost more.";
const CONTEXT = "How many tokens it reads at once; a token is about three quarters of an English word, or a residue.";
const MEMORY = "Rough peak of a LoRA run at default settings. The estimate of a job knows your data and machine.";
const GATED = "Its owner asks you to accept a licence on the hub; workers then need your token as HF_TOKEN.";

/** Base models with what decides between them: a table, or cards on a phone. */
export function BaseModelList(props: { entries: BaseModelEntry[] }) {
  return usePhone() ? <Cards {...props} /> : <Rows {...props} />;
}

function Rows(props: { entries: BaseModelEntry[] }) {
  return (
    <Table.ScrollContainer minWidth={860}>
      <Table verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Base model</Table.Th>
            <Table.Th>For</Table.Th>
            <Table.Th ta="end">
              <Term means={SIZE}>Size</Term>
            </Table.Th>
            <Table.Th ta="end">
              <Term means={CONTEXT}>Context</Term>
            </Table.Th>
            <Table.Th ta="end">
              <Term means={MEMORY}>Memory</Term>
            </Table.Th>
            <Table.Th>Licence</Table.Th>
            <Table.Th>Weights</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {props.entries.map((entry) => (
            <Table.Tr key={entry.key} style={{ verticalAlign: "top" }}>
              <Table.Td miw={300}>
                <Title entry={entry} />
              </Table.Td>
              <Table.Td>{taskWords(entry.tasks)}</Table.Td>
              <Table.Td ta="end" style={{ whiteSpace: "nowrap" }}>
                {sizeWords(entry.parameters)}
              </Table.Td>
              <Table.Td ta="end">{count(entry.context)}</Table.Td>
              <Table.Td ta="end" style={{ whiteSpace: "nowrap" }}>
                {bytes(entry.needs_memory_bytes)}
              </Table.Td>
              <Table.Td>
                <Licence entry={entry} />
              </Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>
                <Source entry={entry} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Cards(props: { entries: BaseModelEntry[] }) {
  return (
    <Stack gap="sm">
      {props.entries.map((entry) => (
        <Card key={entry.key}>
          <Title entry={entry} />
          <Facts
            facts={[
              ["For", taskWords(entry.tasks)],
              [
                <Term key="size" means={SIZE}>
                  Size
                </Term>,
                sizeWords(entry.parameters),
              ],
              [
                <Term key="context" means={CONTEXT}>
                  Context
                </Term>,
                `${count(entry.context)} tokens`,
              ],
              [
                <Term key="memory" means={MEMORY}>
                  Memory
                </Term>,
                bytes(entry.needs_memory_bytes),
              ],
              ["Licence", <Licence key="licence" entry={entry} />],
              ["Weights", <Source key="source" entry={entry} />],
            ]}
          />
        </Card>
      ))}
    </Stack>
  );
}

function Title(props: { entry: BaseModelEntry }) {
  const { entry } = props;
  return (
    <Stack gap={2} align="flex-start">
      <Text fw={600}>{entry.title}</Text>
      <CopyText text={entry.key} what="the key" />
      {entry.note ? (
        <Text size="xs" c="dimmed">
          {entry.note}
        </Text>
      ) : null}
    </Stack>
  );
}

function Licence(props: { entry: BaseModelEntry }) {
  return (
    <Group gap={6}>
      <span>{props.entry.licence}</span>
      {props.entry.gated ? (
        <Badge variant="default" tt="none">
          <Term means={GATED}>Gated</Term>
        </Badge>
      ) : null}
    </Group>
  );
}

function Source(props: { entry: BaseModelEntry }) {
  const { text, href } = sourceWords(props.entry);
  if (!href) return <span>{text}</span>;
  return (
    <Anchor href={href} target="_blank" rel="noreferrer" inherit>
      {text}
    </Anchor>
  );
}
