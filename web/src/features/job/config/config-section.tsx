import { Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Job, JobScript } from "@/api/generated";
import { configOptions, scriptOptions } from "@/api/job";
import { ConfigDiff } from "@/features/job/config/config-diff";
import { Lineage } from "@/features/job/config/lineage";
import { SettingsTable } from "@/features/job/config/settings-table";
import { Snippets } from "@/features/job/config/snippets";
import { Loaded } from "@/ui/loaded";

/** What was asked, what the run made of it, the same job as text, how it differs from others, and where it comes from. */
export function ConfigSection(props: { job: Job }) {
  const { job } = props;
  const config = useQuery(configOptions(job.id));
  const script = useQuery(scriptOptions(job.id));
  return (
    <Stack gap="xl">
      <Stack gap="sm" component="section">
        <Title order={2}>Settings</Title>
        <Loaded query={config} what="The settings">
          {(told) => <SettingsTable config={told} />}
        </Loaded>
      </Stack>
      <ConfigDiff job={job} />
      <Stack gap="sm" component="section">
        <Title order={2}>The same job again, from code</Title>
        <Text c="dimmed" maw={720}>
          Any of these makes this very job once more. The key is read from TUNESMITH_API_KEY.
        </Text>
        <Loaded query={script} what="The script">
          {(told) => <Snippets snippets={tongues(told)} />}
        </Loaded>
      </Stack>
      <Lineage job={job} />
    </Stack>
  );
}

function tongues(script: JobScript) {
  return [
    { label: "curl", code: script.curl },
    { label: "Python", code: script.python },
    { label: "Command line", code: script.cli },
    { label: "YAML", code: script.yaml },
  ];
}
