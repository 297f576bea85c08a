import { Anchor, Box, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import type { Job } from "@/api/generated";
import { Actions } from "@/features/job/header/actions";
import { CostFact } from "@/features/job/header/cost-fact";
import { FineFact, WhenFact } from "@/features/job/header/facts";
import { FailureCard } from "@/features/job/header/failure-card";
import { NextFact } from "@/features/job/header/next-fact";
import { jobName } from "@/lib/job-words";
import { Ago } from "@/ui/ago";
import { CopyText } from "@/ui/copy-text";
import { StateBadge } from "@/ui/state-badge";
import { useTitle } from "@/ui/use-title";

/** Who the job is, and the four answers: is it fine, when is it done, what will it cost, what next. */
export function JobHeader(props: { job: Job; onTab: (tab: string) => void }) {
  const { job, onTab } = props;
  const name = jobName(job);
  useTitle(name);
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start" gap="md">
        <Stack gap={4} style={{ minWidth: 0, flex: "1 1 320px" }}>
          <Anchor component={Link} to="/jobs" size="sm" c="dimmed">
            All jobs
          </Anchor>
          <Group gap="sm">
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              {name}
            </Title>
            <StateBadge status={job.status} />
          </Group>
          {job.headline?.sentence ? <Text fw={600}>{job.headline.sentence}</Text> : null}
          <Text c="dimmed">{sentenceOf(job)}</Text>
          <Group gap="md">
            <CopyText text={job.id} what="the job's id" />
            <Text size="sm" c="dimmed">
              made <Ago at={job.created_at} /> by {job.owner}
            </Text>
          </Group>
        </Stack>
        <Actions job={job} onCompare={() => onTab("config")} />
      </Group>
      {job.status === "failed" && job.error ? <FailureCard job={job} error={job.error} onTab={onTab} /> : null}
      <Box component="section" aria-label="How it stands">
        <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="md">
          <FineFact job={job} onTab={onTab} />
          <WhenFact job={job} />
          <CostFact job={job} />
          <NextFact job={job} onTab={onTab} />
        </SimpleGrid>
      </Box>
    </Stack>
  );
}

const DOES: Record<Job["task"], string> = {
  chat: "answer like its examples",
  classification: "sort texts into labels",
  embedding: "find what belongs together",
  protein: "write proteins like its examples",
};

function sentenceOf(job: Job): string {
  const data = job.dataset ? `${job.dataset.name} (version ${job.dataset.version})` : "its training file";
  const from = job.model === job.base_model ? job.base_model : `${job.model}, itself tuned from ${job.base_model},`;
  return `Teaches ${from} to ${DOES[job.task]}, from ${data}.`;
}
