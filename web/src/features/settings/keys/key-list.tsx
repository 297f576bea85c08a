import { Badge, Button, Card, Code, Group, Stack, Table, Text } from "@mantine/core";
import type { ApiKey } from "@/api/generated";
import { useSession } from "@/app/session";
import { Facts } from "@/features/settings/facts";
import { kindWords, rightsWords, standing } from "@/features/settings/keys/key-words";
import { useNow } from "@/lib/use-now";
import { usePhone } from "@/lib/use-phone";
import { Ago } from "@/ui/ago";
import { CopyText } from "@/ui/copy-text";

type Listed = { keys: ApiKey[]; onRevoke: (key: ApiKey) => void };

/** Keys by their prefixes: a table, or cards on a phone. */
export function KeyList(props: Listed) {
  return usePhone() ? <Cards {...props} /> : <Rows {...props} />;
}

function Rows(props: Listed) {
  const everybody = useSession().sees_all;
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table verticalSpacing="sm" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Key</Table.Th>
            <Table.Th>May</Table.Th>
            {everybody ? <Table.Th>Of</Table.Th> : null}
            <Table.Th>Last used</Table.Th>
            <Table.Th>Ends</Table.Th>
            <Table.Th>
              <span className="visually-hidden">Actions</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {props.keys.map((key) => (
            <Table.Tr key={key.id}>
              <Table.Td>
                <Text fw={600} style={{ overflowWrap: "anywhere" }}>
                  {key.name}
                </Text>
                <Text size="xs" c="dimmed">
                  made <Ago at={key.created_at} />
                </Text>
              </Table.Td>
              <Table.Td>
                <Code>{key.prefix}...</Code>
                <div>
                  <CopyText text={key.id} shown={`${key.id.slice(0, 10)}...`} what="the key's id" />
                </div>
              </Table.Td>
              <Table.Td>
                {rightsWords(key)}
                <Text size="xs" c="dimmed">
                  {kindWords(key.kind)}
                </Text>
              </Table.Td>
              {everybody ? <Table.Td style={{ overflowWrap: "anywhere" }}>{owner(key)}</Table.Td> : null}
              <Table.Td>{key.last_used_at ? <Ago at={key.last_used_at} /> : <Text c="dimmed">never</Text>}</Table.Td>
              <Table.Td>
                <Ends of={key} />
              </Table.Td>
              <Table.Td ta="end">
                <Revoke of={key} onRevoke={props.onRevoke} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Cards(props: Listed) {
  return (
    <Stack gap="sm">
      {props.keys.map((key) => (
        <Card key={key.id}>
          <Group justify="space-between" wrap="nowrap" mb={4}>
            <Text fw={600} style={{ overflowWrap: "anywhere" }}>
              {key.name}
            </Text>
            <Revoke of={key} onRevoke={props.onRevoke} />
          </Group>
          <Facts
            facts={[
              ["Key", <Code key="prefix">{key.prefix}...</Code>],
              ["May", `${rightsWords(key)} (${kindWords(key.kind)})`],
              ["Of", owner(key)],
              ["Made", <Ago key="made" at={key.created_at} />],
              ["Last used", key.last_used_at ? <Ago key="used" at={key.last_used_at} /> : "never"],
              ["Ends", <Ends key="ends" of={key} />],
              ["Id", <CopyText key="id" text={key.id} what="the key's id" />],
            ]}
          />
        </Card>
      ))}
    </Stack>
  );
}

function Ends(props: { of: ApiKey }) {
  const state = standing(props.of, useNow());
  if (state === "revoked") return <Badge color="gray">Revoked</Badge>;
  if (state === "expired") return <Badge color="gray">Expired</Badge>;
  return props.of.expires_at ? <Ago at={props.of.expires_at} /> : <Text c="dimmed">never</Text>;
}

function Revoke(props: { of: ApiKey; onRevoke: (key: ApiKey) => void }) {
  if (standing(props.of, useNow()) !== "live") return null;
  return (
    <Button
      variant="subtle"
      color="red"
      size="compact-sm"
      onClick={() => props.onRevoke(props.of)}
      aria-label={`Revoke ${props.of.name}`}
    >
      Revoke
    </Button>
  );
}

function owner(key: ApiKey): string {
  return key.user === key.project ? key.user : `${key.user} in ${key.project}`;
}
