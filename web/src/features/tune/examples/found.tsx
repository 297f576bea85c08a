import { Alert, Button, Card, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { createDataset, type Fix, nameFromFile, useFixDataset } from "@/api/datasets";
import { ApiError, messageOf } from "@/api/error";
import type { Report } from "@/api/files";
import { fileQuery, fileReportQuery } from "@/api/files";
import type { Draft, Goal } from "@/features/tune/draft";
import { fromReport, fromVersion } from "@/features/tune/examples/chosen";
import { Columns } from "@/features/tune/examples/columns";
import { DatasetName } from "@/features/tune/examples/dataset-name";
import { Faults } from "@/features/tune/examples/faults";
import { Findings } from "@/features/tune/examples/findings";
import { Fit } from "@/features/tune/examples/fit";
import { Records } from "@/features/tune/examples/records";
import { VersionStrip } from "@/features/tune/examples/version-strip";
import { foundSentence } from "@/features/tune/examples/words";
import { Bars } from "@/ui/bars";
import { ErrorState } from "@/ui/error-state";
import { Histogram } from "@/ui/histogram";

const AWAY = "The server does not answer, so nothing was changed. Press the button again once it is back.";

interface FoundProps {
  draft: Draft;
  goal: Goal;
  fileId: string;
  set: (change: Partial<Draft>) => void;
  /** The examples were just added: what was found has the focus. */
  focus: boolean;
  onOthers: () => void;
}

/** What was found in the examples: a sentence, what keeps them from being used, and how they look. */
export function Found(props: FoundProps) {
  const { draft, fileId } = props;
  const query = useQuery(fileReportQuery(fileId));
  const others = (
    <Button variant="default" onClick={props.onOthers}>
      Choose other examples
    </Button>
  );
  if (query.error && !query.data) {
    const gone = query.error instanceof ApiError && query.error.status === 404;
    return (
      <ErrorState
        error={query.error}
        what={gone ? "These examples are no longer there" : "The examples could not be looked at"}
        onRetry={gone ? undefined : () => void query.refetch()}
        action={others}
      />
    );
  }
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start">
        <Stack gap={4} miw={0}>
          <DatasetName draft={draft} set={props.set} />
          {draft.datasetId && draft.version ? (
            <VersionStrip datasetId={draft.datasetId} version={draft.version} draft={draft} set={props.set} />
          ) : null}
        </Stack>
        {others}
      </Group>
      {query.data ? <Look {...props} report={query.data} /> : <Skeleton h={360} />}
    </Stack>
  );
}

function Look(props: FoundProps & { report: Report }) {
  const { report, draft, set, fileId, goal } = props;
  useLooked(report, draft, set);
  const fixing = useFixing(props);
  const readable = report.kind !== null;
  return (
    <Stack gap="md">
      {readable ? <Sentence text={foundSentence(report)} focus={props.focus} /> : null}
      {fixing.error ? (
        <Alert color="red" role="alert" title="The new version could not be made">
          {fixing.error instanceof ApiError && fixing.error.away ? AWAY : messageOf(fixing.error)}
        </Alert>
      ) : null}
      <Fit report={report} goal={goal} set={set} apply={fixing.apply} busy={fixing.busy} />
      {report.roles.length > 0 ? (
        <Columns
          key={`columns-${fileId}`}
          fileId={fileId}
          report={report}
          goal={goal}
          apply={fixing.apply}
          busy={fixing.busy}
        />
      ) : null}
      <Faults report={report} apply={fixing.apply} busy={fixing.busy} />
      <Findings report={report} apply={fixing.apply} busy={fixing.busy} />
      {readable ? <Shape report={report} /> : null}
      {readable ? (
        <Records key={`records-${fileId}`} fileId={fileId} total={report.n_records + report.n_faults} />
      ) : null}
    </Stack>
  );
}

/** What the file is, told to the draft where it did not know. */
function useLooked(report: Report, draft: Draft, set: FoundProps["set"]): void {
  const known = draft.kind === report.kind && draft.nRecords === report.n_records && draft.nFaults === report.n_faults;
  useEffect(() => {
    if (!known) set(fromReport(report));
  }, [known, report, set]);
}

/** Repairs make a new version, which the draft then uses. A file that is no data set yet becomes one. */
function useFixing(props: FoundProps) {
  const { draft, fileId, set } = props;
  const client = useQueryClient();
  const fix = useFixDataset();
  const all = useMutation({
    mutationFn: async (fixes: Fix[]) => {
      const dataset = await datasetOf();
      const made = await fix.mutateAsync({ datasetId: dataset.id, fixes, from: dataset.version });
      return fromVersion(dataset, made);
    },
    onSuccess: set,
  });

  async function datasetOf(): Promise<{ id: string; name: string; version: number }> {
    if (draft.datasetId && draft.version)
      return { id: draft.datasetId, name: draft.datasetName ?? draft.datasetId, version: draft.version };
    const file = await client.fetchQuery(fileQuery(fileId));
    const made = await createDataset(nameFromFile(file.filename), fileId);
    return { id: made.id, name: made.name, version: made.newest.version };
  }

  return { apply: (fixes: Fix[]) => all.mutate(fixes), busy: all.isPending, error: all.error };
}

function Sentence(props: { text: string; focus: boolean }) {
  const line = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (props.focus) line.current?.focus();
  }, [props.focus]);
  return (
    <Text ref={line} tabIndex={-1} size="lg" fw={600} style={{ outline: "none" }} role="status">
      {props.text}
    </Text>
  );
}

/** Lengths and the balance of labels. */
function Shape(props: { report: Report }) {
  const { lengths, labels, n_records } = props.report;
  const balance = labels && Object.keys(labels).length > 0 ? labels : null;
  if (!lengths && !balance) return null;
  return (
    <Card>
      <Stack gap="lg">
        {lengths ? <Histogram counts={lengths} title={`How long the examples are, in ${lengths.unit}`} /> : null}
        {balance ? <Bars title="How many examples each label has" counts={balance} of={n_records} /> : null}
      </Stack>
    </Card>
  );
}
