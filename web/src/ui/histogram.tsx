import { Group, Text, Tooltip } from "@mantine/core";
import type { Histogram as Counts } from "@/api/generated";
import { count } from "@/lib/format";
import classes from "@/ui/histogram.module.css";

/** How many records are how long, as bars; the same as a table for screen readers. */
export function Histogram(props: { counts: Counts; title: string }) {
  const { counts, edges, unit } = props.counts;
  const most = Math.max(1, ...counts);
  const bins = counts.map((n, i) => ({ n, from: Math.round(edges[i] ?? 0), to: Math.round(edges[i + 1] ?? 0) }));
  if (bins.filter((bin) => bin.n).length < 2)
    return (
      <Text>
        All records have about the same length: {count(bins[0]?.from ?? 0)} {unit}.
      </Text>
    );
  return (
    <figure style={{ margin: 0 }}>
      <Text component="figcaption" size="xs" c="dimmed" mb={6}>
        {props.title}
      </Text>
      <div className={classes.plot} aria-hidden>
        {bins.map((bin) => (
          <Tooltip key={bin.from} label={`${count(bin.from)} to ${count(bin.to)} ${unit}: ${count(bin.n)}`}>
            <div
              className={classes.bin}
              style={{ height: bin.n ? `max(2px, ${((100 * bin.n) / most).toFixed(2)}%)` : 0 }}
            />
          </Tooltip>
        ))}
      </div>
      <Group justify="space-between" aria-hidden>
        <Text size="xs" c="dimmed">
          {count(Math.round(edges[0] ?? 0))}
        </Text>
        <Text size="xs" c="dimmed">
          {count(Math.round(edges.at(-1) ?? 0))} {unit}
        </Text>
      </Group>
      <table className="visually-hidden">
        <caption>{props.title}</caption>
        <thead>
          <tr>
            <th scope="col">{unit}</th>
            <th scope="col">records</th>
          </tr>
        </thead>
        <tbody>
          {bins
            .filter((bin) => bin.n)
            .map((bin) => (
              <tr key={bin.from}>
                <td>
                  {bin.from} to {bin.to}
                </td>
                <td>{bin.n}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </figure>
  );
}
