import { Button, Code, CopyButton, Stack, Tabs, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { JobCreate } from "@/api/generated";
import { scriptQuery } from "@/api/new-job";
import { Loaded } from "@/ui/loaded";

const TONGUES = [
  { value: "curl", label: "curl" },
  { value: "python", label: "Python" },
  { value: "cli", label: "Command line" },
  { value: "yaml", label: "YAML" },
] as const;
const AFTER_MS = 450;

/** The same job for a terminal, a program or a repository. */
export function ScriptTabs(props: { job: JobCreate }) {
  const [asked] = useDebouncedValue(JSON.stringify(props.job), AFTER_MS);
  const query = useQuery({ ...scriptQuery(JSON.parse(asked) as JobCreate), placeholderData: keepPreviousData });
  return (
    <Stack gap="sm">
      <Title order={3}>The same job without this page</Title>
      <Loaded query={query} what="The commands">
        {(script) => (
          <Tabs defaultValue="curl" keepMounted={false}>
            <Tabs.List>
              {TONGUES.map((tongue) => (
                <Tabs.Tab key={tongue.value} value={tongue.value}>
                  {tongue.label}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            {TONGUES.map((tongue) => (
              <Tabs.Panel key={tongue.value} value={tongue.value} pt="sm">
                <Copied text={script[tongue.value]} />
              </Tabs.Panel>
            ))}
          </Tabs>
        )}
      </Loaded>
    </Stack>
  );
}

function Copied(props: { text: string }) {
  return (
    <Stack gap="xs" align="flex-start">
      <Code block w="100%" tabIndex={0}>
        {props.text}
      </Code>
      <CopyButton value={props.text}>
        {({ copied, copy }) => (
          <Button
            variant="default"
            size="xs"
            onClick={copy}
            leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          >
            {copied ? "Copied" : "Copy"}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}
