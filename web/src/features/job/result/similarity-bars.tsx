import { Card, Group, Stack, Text } from "@mantine/core";
import type { SimilarityHistogram } from "@/api/generated";
import classes from "@/features/job/result/similarity.module.css";
import { percent } from "@/lib/format";

/** Similarities of texts that belong together (above the line) and of those that do not (below), before and after:
 *  the further apart the two lie, the better they can be told. */
export function SimilarityBars(props: { histogram: SimilarityHistogram }) {
  const { positives_before, negatives_before, positives_after, negatives_after } = props.histogram;
  return (
    <Card>
      <Stack gap="sm">
        <Text component="h3" fw={600}>
          How alike texts look
        </Text>
        <Text size="sm" c="dimmed">
          Above the line: pairs that belong together. Below: pairs that do not. After training the two should lie apart.
        </Text>
        <Pair name="Base" look={classes.base} together={positives_before} apart={negatives_before} />
        <Pair name="Tuned" look={classes.tuned} together={positives_after} apart={negatives_after} />
      </Stack>
    </Card>
  );
}

function Pair(props: {
  name: string;
  look: string | undefined;
  together: readonly number[];
  apart: readonly number[];
}) {
  const { together, apart } = props;
  const shares = [sharesOf(together), sharesOf(apart)] as const;
  const most = Math.max(...shares[0], ...shares[1], 1e-9);
  return (
    <figure className={classes.figure}>
      <figcaption className={classes.caption}>
        {props.name}: similarity {mean(together)} together, {mean(apart)} apart
      </figcaption>
      {shares.map((bins, side) => (
        <div key={side === 0 ? "together" : "apart"} className={side === 0 ? classes.up : classes.down} aria-hidden>
          {bins.map((share, i) => (
            <div
              // biome-ignore lint/suspicious/noArrayIndexKey: a bin is its place
              key={i}
              className={props.look}
              title={`${edge(i, bins.length)} to ${edge(i + 1, bins.length)}: ${percent(share)}`}
              style={{ height: `${((100 * share) / most).toFixed(1)}%` }}
            />
          ))}
        </div>
      ))}
      <Group justify="space-between" aria-hidden>
        {[-1, 0, 1].map((tick) => (
          <Text key={tick} size="xs" c="dimmed">
            {tick}
          </Text>
        ))}
      </Group>
    </figure>
  );
}

function sharesOf(counts: readonly number[]): number[] {
  const all = counts.reduce((a, b) => a + b, 0);
  return counts.map((n) => (all > 0 ? n / all : 0));
}

function edge(i: number, bins: number): string {
  return (-1 + (2 * i) / bins).toFixed(2);
}

/** From the middles of the bins. */
function mean(counts: readonly number[]): string {
  const all = counts.reduce((a, b) => a + b, 0);
  if (all === 0) return "not measured";
  const sum = counts.reduce((total, n, i) => total + n * (-1 + (2 * i + 1) / counts.length), 0);
  return (sum / all).toFixed(2);
}
