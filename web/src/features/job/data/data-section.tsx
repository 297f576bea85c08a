import { Alert, Anchor, Card, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { Checkup, Job } from "@/api/generated";
import { checkupOptions } from "@/api/job";
import { FindingRow } from "@/features/job/data/finding-row";
import { FirstBatch } from "@/features/job/data/first-batch";
import { count, counted, percent } from "@/lib/format";
import { Bars } from "@/ui/bars";
import { CopyText } from "@/ui/copy-text";
import { Histogram } from "@/ui/histogram";
import { Loaded } from "@/ui/loaded";
import { Term } from "@/ui/term";

/** The data as the run read it: what was counted, what was found, and the first batch as the model sees it. */
export function DataSection(props: { job: Job }) {
  const checkup = useQuery(checkupOptions(props.job.id));
  return (
    <Loaded query={checkup} what="The data's check-up">
      {(found) =>
        found ? (
          <Found job={props.job} checkup={found} />
        ) : (
          <Alert color="gray" title="Not looked at yet">
            The check-up is told as soon as the run has read its data.
          </Alert>
        )
      }
    </Loaded>
  );
}

function Found(props: { job: Job; checkup: Checkup }) {
  const { job, checkup } = props;
  const all = checkup.n_train + checkup.n_held_out;
  const labels = Object.keys(checkup.labels ?? {});
  return (
    <Stack gap="lg">
      <Stack gap={4}>
        <Title order={2}>
          {counted(checkup.n_train, "record")} trained on, {count(checkup.n_held_out)} held out
        </Title>
        <Text c="dimmed" maw={720}>
          {cutWords(checkup)}{" "}
          <Term means="Of what the model reads; the rest (prompts, padding words) only gives the context.">
            {percent(checkup.trained_token_share)} of the tokens
          </Term>{" "}
          carry loss.
        </Text>
        <Group gap="md">
          {job.dataset ? (
            <Text size="sm">
              {job.dataset.name}, version {job.dataset.version}
            </Text>
          ) : null}
          <CopyText text={job.training_file} what="the training file's id" />
        </Group>
      </Stack>
      <SimpleGrid cols={{ base: 1, md: labels.length > 0 ? 2 : 1 }}>
        {checkup.token_lengths ? (
          <Card>
            <Histogram
              counts={checkup.token_lengths}
              title={`How long the records are, in tokens; at most ${count(checkup.max_seq_len)} are read of each`}
            />
          </Card>
        ) : null}
        {labels.length > 0 ? (
          <Card>
            <Bars title="Records with each label" counts={checkup.labels ?? {}} of={all} />
          </Card>
        ) : null}
      </SimpleGrid>
      <Stack gap="sm" component="section">
        <Title order={2}>{(checkup.findings ?? []).length > 0 ? "What was found" : "Nothing odd was found"}</Title>
        {(checkup.findings ?? []).map((finding) => (
          <FindingRow key={finding.code} finding={finding} />
        ))}
        {(checkup.findings ?? []).length > 0 ? (
          <Anchor component={Link} to={`/tune?clone=${job.id}&step=examples`} size="sm">
            Mend the data and train again
          </Anchor>
        ) : null}
      </Stack>
      {(checkup.first_batch ?? []).length > 0 ? <FirstBatch job={job} batch={checkup.first_batch ?? []} /> : null}
    </Stack>
  );
}

function cutWords(checkup: Checkup): string {
  if (checkup.n_truncated === 0) return `None was cut: all fit into ${count(checkup.max_seq_len)} tokens.`;
  const share = checkup.n_truncated / Math.max(1, checkup.n_train + checkup.n_held_out);
  return `${counted(checkup.n_truncated, "record")} (${percent(share)}) were cut at ${count(checkup.max_seq_len)} tokens; a larger max_seq_len would keep their ends.`;
}
