import { Alert, Button, Group, Stack, Tabs, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { CreatedKey } from "@/api/generated";
import { serverFacts } from "@/api/server";
import { CodeBlock } from "@/features/settings/keys/code-block";
import { rightsWords } from "@/features/settings/keys/key-words";
import { snippets } from "@/features/settings/keys/snippets";

/** The key itself, this once, and how it is used. */
export function ShownOnce(props: { created: CreatedKey; onDone: () => void }) {
  const { created } = props;
  const baseUrl = useQuery(serverFacts()).data?.url ?? `${window.location.origin}/v1`;
  const ways = snippets(created.kind, created.key, baseUrl);
  return (
    <Stack gap="md">
      <Alert
        variant="default"
        icon={<IconAlertTriangle color="var(--mantine-color-yellow-6)" aria-hidden />}
        title="Copy it now: it is not shown again"
      >
        The server keeps only its hash. Whoever has it acts for {created.user} in {created.project}:{" "}
        {rightsWords(created).toLowerCase()}.
      </Alert>
      <CodeBlock text={created.key} what="the key" label="The new key" />
      <Tabs defaultValue={ways[0]?.label ?? null}>
        <Tabs.List>
          {ways.map(({ label }) => (
            <Tabs.Tab key={label} value={label}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {ways.map(({ label, code }) => (
          <Tabs.Panel key={label} value={label} pt="sm">
            <CodeBlock text={code} what="the example" label={label} />
          </Tabs.Panel>
        ))}
      </Tabs>
      <Group justify="space-between">
        <Text size="xs" c="dimmed">
          Base URL: {baseUrl}
        </Text>
        <Button onClick={props.onDone}>I have stored it</Button>
      </Group>
    </Stack>
  );
}
