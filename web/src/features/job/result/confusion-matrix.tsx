import { Card, Stack, Text } from "@mantine/core";
import { type KeyboardEvent, useRef, useState } from "react";
import classes from "@/features/job/result/classification.module.css";
import { counted, percent } from "@/lib/format";

const MOVES: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** A row a true label, a column an answered one. Arrow keys walk it; the sentence below tells the cell in words. */
export function ConfusionMatrix(props: { labels: readonly string[]; counts: readonly (readonly number[])[] }) {
  const { labels, counts } = props;
  const [at, setAt] = useState<readonly [number, number]>([0, 0]);
  const table = useRef<HTMLTableElement>(null);

  function walk(event: KeyboardEvent): void {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const within = (i: number) => Math.min(Math.max(i, 0), labels.length - 1);
    const [row, column] = [within(at[0] + move[0]), within(at[1] + move[1])];
    setAt([row, column]);
    table.current?.querySelector<HTMLElement>(`[data-cell="${row}-${column}"]`)?.focus();
  }

  return (
    <Card>
      <Stack gap="xs">
        <Text component="h3" fw={600}>
          What it takes for what
        </Text>
        <Text size="sm" c="dimmed">
          Rows are the labels that records carry, columns those that the model gave.
        </Text>
        <div className={classes.scroll}>
          {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table that is walked by arrow keys is a grid */}
          <table ref={table} className={classes.matrix} role="grid" aria-label="Confusion matrix" onKeyDown={walk}>
            <thead>
              <tr>
                <td />
                {labels.map((label) => (
                  <th key={label} scope="col" title={label}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {counts.map((row, i) => {
                const sum = row.reduce((a, b) => a + b, 0);
                const label = labels[i] ?? "";
                return (
                  <tr key={label}>
                    <th scope="row" title={label}>
                      {label}
                    </th>
                    {row.map((n, j) => (
                      <td
                        key={labels[j]}
                        tabIndex={at[0] === i && at[1] === j ? 0 : -1}
                        data-cell={`${i}-${j}`}
                        className={`${classes.cell} ${i === j ? classes.right : classes.wrong}`}
                        style={{ "--share": sum > 0 ? n / sum : 0 } as React.CSSProperties}
                        onFocus={() => setAt([i, j])}
                        onMouseEnter={() => setAt([i, j])}
                      >
                        {n}
                      </td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
        <Text size="sm" aria-live="polite" mih={40}>
          {sentence(labels, counts, at)}
        </Text>
      </Stack>
    </Card>
  );
}

function sentence(
  labels: readonly string[],
  counts: readonly (readonly number[])[],
  [row, column]: readonly [number, number],
): string {
  const all = (counts[row] ?? []).reduce((a, b) => a + b, 0);
  const n = counts[row]?.[column] ?? 0;
  const as = row === column ? "were told as that" : `were taken for ${labels[column]}`;
  return `Of ${counted(all, "record")} labelled ${labels[row]}, ${n} ${as}${all > 0 ? ` (${percent(n / all)})` : ""}.`;
}
