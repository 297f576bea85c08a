import { Button, Group, Paper, Select, Slider, Stack, Switch, Text } from "@mantine/core";
import { IconDownload, IconZoomReset } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { Job, JobMetric } from "@/api/generated";
import { checkpointsOptions, isLive, metricsOptions, resultOptions, siblingsOptions } from "@/api/job";
import { Chart, type Line, type Shared } from "@/features/job/training/chart";
import { CheckpointMarks } from "@/features/job/training/checkpoint-marks";
import { FiguresTable } from "@/features/job/training/figures-table";
import { ghostsOf } from "@/features/job/training/ghosts";
import { csvOf, type RunSeries, seriesOf } from "@/features/job/training/series";
import { smooth } from "@/features/job/training/smooth";
import { saveText } from "@/lib/save-text";
import { Term } from "@/ui/term";

const SMOOTHING = 0.6;

/** The loss with all that explains it, the rate and the gradient below it on the same steps. */
export function Curves(props: { job: Job; metrics: readonly JobMetric[] }) {
  const { job, metrics } = props;
  const [weight, setWeight] = useState(SMOOTHING);
  const [log, setLog] = useState(false);
  const [ghostId, setGhostId] = useState<string | null>(null);
  const [zoom, setZoom] = useState<readonly [number, number] | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [asTable, setAsTable] = useState(false);
  const run = useMemo(() => seriesOf(metrics), [metrics]);
  const ghosts = useGhosts(job);
  const ghost = ghosts.find(({ jobId }) => jobId === ghostId);
  const ghostRun = useQuery({ ...metricsOptions(ghostId ?? ""), enabled: ghost !== undefined });
  const checkpoints = useQuery(checkpointsOptions(job.id)).data?.data ?? [];
  const base = useBaseLoss(job);

  const lines = useMemo(() => {
    const drawn = lossLines(run, weight);
    if (!ghost || !ghostRun.data) return drawn;
    const points = smoothed(seriesOf(ghostRun.data.data).training, Math.max(weight, SMOOTHING));
    return [{ key: "ghost", label: ghost.label, points, look: "ghost" as const }, ...drawn];
  }, [run, weight, ghost, ghostRun.data]);
  const whole: readonly [number, number] = [1, Math.max(job.progress.total_steps ?? 0, lastStep(lines), 2)];
  const shared: Shared = { steps: zoom ?? whole, at, onAt: setAt, onZoom: setZoom };

  return (
    <Stack gap="md">
      <Group gap="lg" align="flex-end">
        <Stack gap={2} w={170}>
          <Text size="xs" c="dimmed" id="smoothing">
            <Term means="Each point becomes a mean in which earlier points count less and less. The faint line is what was measured.">
              Smoothing
            </Term>
          </Text>
          <Slider
            aria-labelledby="smoothing"
            thumbLabel="Smoothing"
            value={weight}
            onChange={setWeight}
            min={0}
            max={0.98}
            step={0.02}
            size="sm"
            label={(value) => value.toFixed(2)}
          />
        </Stack>
        <Switch label="Log scale" checked={log} onChange={(event) => setLog(event.currentTarget.checked)} />
        {ghosts.length > 0 ? (
          <Select
            aria-label="Another run behind this one"
            placeholder="No run behind it"
            clearable
            size="xs"
            w={260}
            data={ghosts.map(({ jobId, label }) => ({ value: jobId, label }))}
            value={ghostId}
            onChange={setGhostId}
          />
        ) : null}
        <Group gap="xs" ml="auto">
          {zoom ? (
            <Button
              variant="subtle"
              size="xs"
              leftSection={<IconZoomReset size={14} aria-hidden />}
              onClick={() => setZoom(null)}
            >
              Whole run
            </Button>
          ) : null}
          <Button variant="default" size="xs" aria-expanded={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? "Hide the table" : "Show as a table"}
          </Button>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() => saveText(`${job.id}-metrics.csv`, csvOf(metrics), "text/csv")}
          >
            CSV
          </Button>
        </Group>
      </Group>
      <Paper withBorder p="md">
        <Stack gap="lg">
          <Chart
            title="Loss"
            name="Loss"
            lines={lines}
            base={base}
            log={log}
            height={280}
            shared={shared}
            over={(place) => <CheckpointMarks job={job} checkpoints={checkpoints} place={place} />}
          />
          {SMALL.map(({ key, title, means }) =>
            run[key].length > 1 ? (
              <Chart
                key={key}
                title={<Term means={means}>{title}</Term>}
                name={title}
                lines={[{ key, label: title.toLowerCase(), points: run[key], look: "strong" }]}
                height={120}
                shared={shared}
              />
            ) : null,
          )}
        </Stack>
      </Paper>
      <Text size="xs" c="dimmed">
        {legend(run, base !== null, checkpoints.length > 0)} Draw sideways to look closer, double-click to see the whole
        run again.
      </Text>
      {asTable ? <FiguresTable metrics={metrics} /> : null}
    </Stack>
  );
}

const SMALL: { key: "learningRate" | "gradNorm"; title: string; means: string }[] = [
  {
    key: "learningRate",
    title: "Learning rate",
    means: "How large the steps are: it rises at first, then falls to nothing.",
  },
  {
    key: "gradNorm",
    title: "Gradient norm",
    means:
      "How strongly the batch pulls at the weights, before it is clipped. Jumps tell of odd records or too high a rate.",
  },
];

function lossLines(run: RunSeries, weight: number): Line[] {
  return [
    { key: "raw", label: "as measured", points: run.training, look: "faint" },
    { key: "training", label: "training", points: smoothed(run.training, weight), look: "strong" },
    { key: "sample", label: "held out (some)", points: run.heldOutSample, look: "hollow" },
    { key: "held-out", label: "held out", points: run.heldOut, look: "marks" },
  ];
}

function smoothed(points: RunSeries["training"], weight: number): RunSeries["training"] {
  const values = smooth(
    points.map((point) => point.value),
    weight,
  );
  return points.map((point, i) => ({ step: point.step, value: values[i] ?? point.value }));
}

function lastStep(lines: readonly Line[]): number {
  return Math.max(0, ...lines.filter(({ look }) => look !== "ghost").map(({ points }) => points.at(-1)?.step ?? 0));
}

function useGhosts(job: Job) {
  const siblings = useQuery(siblingsOptions(job));
  return useMemo(() => ghostsOf(job, siblings.data?.data ?? []), [job, siblings.data]);
}

/** The base's loss on the held-out records, once it is known. */
function useBaseLoss(job: Job): number | null {
  const done = job.status === "succeeded" && job.fine_tuned_model !== null;
  const result = useQuery({ ...resultOptions(job.fine_tuned_model ?? ""), enabled: done });
  if (!done && isLive(job) && job.headline?.metric === "loss" && job.headline.set === "held_out")
    return job.headline.before ?? null;
  return result.data?.metrics.held_out_loss_before ?? null;
}

function legend(run: RunSeries, base: boolean, checkpoints: boolean): string {
  const parts = ["Faint: each step as measured; strong: smoothed."];
  if (run.heldOut.length > 0) parts.push("Dots: all held-out records.");
  if (run.heldOutSample.length > 0) parts.push("Rings: some of them.");
  if (base) parts.push("Dashed: the base on the held-out records.");
  if (checkpoints) parts.push("Flags: checkpoints, with what they answer.");
  return parts.join(" ");
}
