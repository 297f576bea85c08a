import { Alert, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Job, ModelVersion } from "@/api/generated";
import { checkpointsOptions, resultOptions } from "@/api/job";
import { ClassificationResult } from "@/features/job/result/classification";
import { ComparisonCard } from "@/features/job/result/comparison-card";
import { EmbeddingResult } from "@/features/job/result/embedding";
import { Delivered, ParityCard } from "@/features/job/result/parity";
import { verdictOf } from "@/features/job/result/verdict";
import { SampleAnswers } from "@/features/job/training/sample-answers";
import { Loaded } from "@/ui/loaded";

/** What came out: the verdict, then what is particular to the task, then whether it is served as it was trained. */
export function ResultSection(props: { job: Job }) {
  const { job } = props;
  const result = useQuery(resultOptions(job.fine_tuned_model ?? ""));
  return (
    <Loaded query={result} what="The result">
      {(model) => <Result job={job} model={model} />}
    </Loaded>
  );
}

function Result(props: { job: Job; model: ModelVersion }) {
  const { job, model } = props;
  const checkpoints = useQuery(checkpointsOptions(job.id));
  const newest = checkpoints.data?.data.find((checkpoint) => checkpoint.answers?.length);
  const first = checkpoints.data?.data.findLast((checkpoint) => checkpoint.answers?.length);
  return (
    <Stack gap="lg">
      <Verdict model={model} />
      {model.classification ? <ClassificationResult details={model.classification} /> : null}
      {model.embedding ? <EmbeddingResult details={model.embedding} metrics={model.metrics} /> : null}
      {newest && first && job.task !== "classification" ? (
        <Stack gap="sm" component="section">
          <Title order={2}>What it answers</Title>
          <Text c="dimmed" maw={720}>
            Held-out prompts, answered greedily: what the records say beside what the model says at its first and its
            last checkpoint.
          </Text>
          <SampleAnswers job={job} first={first} newest={newest} />
        </Stack>
      ) : null}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {model.parity ? <ParityCard parity={model.parity} /> : null}
        {model.delivery ? <Delivered delivery={model.delivery} /> : null}
      </SimpleGrid>
    </Stack>
  );
}

function Verdict(props: { model: ModelVersion }) {
  const { comparisons } = props.model;
  const verdict = verdictOf(comparisons);
  if (verdict === null)
    return (
      <Alert color="gray" title="There is no verdict">
        No records were held out, so nothing could be measured on what the model has not seen. Start again with a
        validation split or a validation file.
      </Alert>
    );
  return (
    <Stack gap="sm" component="section">
      <Title order={2}>{HEADINGS[verdict]}</Title>
      <SimpleGrid cols={{ base: 1, md: comparisons.length > 1 ? 2 : 1 }}>
        {comparisons.map((comparison) => (
          <ComparisonCard key={`${comparison.set} ${comparison.metric}`} comparison={comparison} />
        ))}
      </SimpleGrid>
    </Stack>
  );
}

const HEADINGS = {
  better: "The tuned model is better than its base",
  worse: "The tuned model is worse than its base",
  undecided: "Whether it got better cannot be told yet",
  mixed: "Better in one respect, worse in another",
};
