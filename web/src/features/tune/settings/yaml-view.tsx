import { Button, Code, Collapse, CopyButton, Group, Stack } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { JobCreate } from "@/api/generated";
import { scriptQuery } from "@/api/new-job";
import { type Draft, jobOf } from "@/features/tune/draft";
import { FoldButton } from "@/ui/fold-button";
import { Loaded } from "@/ui/loaded";

/** The settings as `tunesmith train --file` takes them, to read and to copy. */
export function YamlView(props: { draft: Draft }) {
  const [open, { toggle }] = useDisclosure(false);
  const job = jobOf(props.draft);
  return (
    <div>
      <FoldButton label="As YAML" open={open} onToggle={toggle} />
      <Collapse expanded={open}>{open && job ? <Yaml job={job} /> : null}</Collapse>
    </div>
  );
}

const AFTER_MS = 450;

function Yaml(props: { job: JobCreate }) {
  const [asked] = useDebouncedValue(JSON.stringify(props.job), AFTER_MS);
  const query = useQuery({ ...scriptQuery(JSON.parse(asked) as JobCreate), placeholderData: keepPreviousData });
  return (
    <Loaded query={query} what="The YAML">
      {(script) => (
        <Stack gap="xs" mt="xs">
          <Code block>{script.yaml}</Code>
          <Group>
            <CopyButton value={script.yaml}>
              {({ copied, copy }) => (
                <Button
                  variant="default"
                  onClick={copy}
                  leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
                >
                  {copied ? "Copied" : "Copy"}
                </Button>
              )}
            </CopyButton>
          </Group>
        </Stack>
      )}
    </Loaded>
  );
}
