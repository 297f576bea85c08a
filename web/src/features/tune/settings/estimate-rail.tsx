import { Alert, Card, Group, Loader, Progress, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { JobEstimate } from "@/api/generated";
import { bestWorker } from "@/features/tune/model/fit";
import type { Told } from "@/features/tune/settings/use-estimate";
import { WorkerFits } from "@/features/tune/settings/worker-fits";
import { bytes, count, counted, duration, figure } from "@/lib/format";
import { ErrorState } from "@/ui/error-state";

/** Memory, time, cost and workers of the job as it is drafted now. Old figures stay until the new ones come. */
export function EstimateRail(props: { told: Told; workers?: boolean }) {
  const { estimate, asking, error } = props.told;
  return (
    <Card component="aside" aria-label="What it will take" padding="md">
      <Stack gap="md">
        <Group justify="space-between" gap="xs" wrap="nowrap">
          <Title order={3}>What it will take</Title>
          <Group gap={6} wrap="nowrap" role="status" fz="xs" c="dimmed">
            {asking ? <Loader size={12} color="gray" aria-hidden /> : null}
            {asking ? "Calculating" : error ? "Not told" : ""}
          </Group>
        </Group>
        {error && !asking ? (
          estimate ? (
            <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />}>
              <Text size="sm">
                The figures are those of before your last change, which the server refuses: see the field.
              </Text>
            </Alert>
          ) : (
            <ErrorState error={error} what="It cannot be told what this takes" onRetry={props.told.again} />
          )
        ) : null}
        {estimate ? (
          <Figures estimate={estimate} old={asking || !!error} workers={props.workers ?? true} />
        ) : error ? null : (
          <Skeleton h={260} />
        )}
      </Stack>
    </Card>
  );
}

function Figures(props: { estimate: JobEstimate; old: boolean; workers: boolean }) {
  const { estimate } = props;
  return (
    <Stack gap="md" aria-busy={props.old}>
      <Memory estimate={estimate} />
      <Figure name="Time" value={`about ${duration(estimate.time_s.value)}`}>
        {duration(estimate.time_s.low)} to {duration(estimate.time_s.high)}
        {estimate.fetch_bytes ? `; ${bytes(estimate.fetch_bytes)} of base weights are fetched first` : ""}
      </Figure>
      <Figure name="Cost" value={costOf(estimate)}>
        {estimate.cost.price_per_hour
          ? `at ${figure(estimate.cost.price_per_hour)} an hour of the worker`
          : "the operator counts none for workers' time"}
      </Figure>
      <Figure name="Work" value={counted(estimate.steps, "step")}>
        {count(estimate.n_train)} examples to learn from, {count(estimate.n_held_out)} held out;{" "}
        {count(estimate.tokens.total)} tokens are read
      </Figure>
      {props.workers ? <Workers estimate={estimate} /> : null}
      {estimate.warnings.map((warning) => (
        <Alert key={warning} color="yellow" icon={<IconAlertTriangle aria-hidden />} p="xs">
          <Text size="sm">{warning}</Text>
        </Alert>
      ))}
      <Text size="xs" c="dimmed">
        {basisOf(estimate)}
      </Text>
    </Stack>
  );
}

function Figure(props: { name: string; value: string; children: ReactNode }) {
  return (
    <div>
      <Group justify="space-between" gap="xs">
        <Text size="sm" c="dimmed">
          {props.name}
        </Text>
        <Text fw={600}>{props.value}</Text>
      </Group>
      <Text size="xs" c="dimmed">
        {props.children}
      </Text>
    </div>
  );
}

function Memory(props: { estimate: JobEstimate }) {
  const { estimate } = props;
  const worker = bestWorker(estimate);
  const { value, low, high } = estimate.peak_memory_bytes;
  const share = worker ? Math.min(100, (100 * value) / worker.memory_bytes) : 0;
  const colors = { fits: "teal", tight: "yellow", does_not_fit: "red" } as const;
  return (
    <div>
      <Figure
        name={estimate.device === "gpu" ? "GPU memory" : "Memory"}
        value={worker ? `${bytes(value)} of ${bytes(worker.memory_bytes)}` : bytes(value)}
      >
        {bytes(low)} to {bytes(high)} at its peak{worker ? `, on ${worker.id}` : ""}
      </Figure>
      {worker ? (
        <Progress value={share} color={colors[worker.fits]} mt={4} aria-label="Share of the worker's memory" />
      ) : null}
    </div>
  );
}

function Workers(props: { estimate: JobEstimate }) {
  const { workers, worker } = props.estimate;
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        Who can run it
      </Text>
      {workers.length ? (
        <WorkerFits workers={workers} chosen={worker} />
      ) : (
        <Text size="sm">No worker is connected yet. The figures are those of two CPU cores.</Text>
      )}
    </Stack>
  );
}

export function costOf(estimate: JobEstimate): string {
  return estimate.cost.price_per_hour ? figure(estimate.cost.value) : "none";
}

function basisOf(estimate: JobEstimate): string {
  const { basis } = estimate;
  if (basis.n_runs) return `Calculated, and corrected by ${counted(basis.n_runs, "finished run")} of this kind.`;
  if (!basis.measured) return "Calculated; no run on such a device has been measured, so the bounds are wide.";
  return "Calculated from measured runs of this kind.";
}
