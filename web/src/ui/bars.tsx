import { Anchor, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { count, percent } from "@/lib/format";
import classes from "@/ui/histogram.module.css";

const FIRST = 10;

/** Named counts as bars, the largest first: the balance of labels. */
export function Bars(props: { title: string; counts: Record<string, number>; of: number }) {
  const [all, setAll] = useState(false);
  const entries = Object.entries(props.counts).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, entries[0]?.[1] ?? 1);
  const shown = all ? entries : entries.slice(0, FIRST);
  return (
    <Stack gap={6}>
      <Text size="xs" c="dimmed">
        {props.title}
      </Text>
      <Stack gap={4} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
        {shown.map(([label, n]) => (
          <li key={label} className={classes.row}>
            <span className={classes.label} title={label}>
              {label}
            </span>
            <div className={classes.track} aria-hidden>
              <div className={classes.bar} style={{ width: `${((100 * n) / most).toFixed(2)}%` }} />
            </div>
            <Text span size="sm">
              {count(n)}{" "}
              <Text span size="xs" c="dimmed">
                {percent(n / Math.max(1, props.of))}
              </Text>
            </Text>
          </li>
        ))}
      </Stack>
      {entries.length > shown.length ? (
        <Anchor component="button" size="xs" onClick={() => setAll(true)} style={{ alignSelf: "flex-start" }}>
          Show {count(entries.length - shown.length)} more
        </Anchor>
      ) : null}
    </Stack>
  );
}
