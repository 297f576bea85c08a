import { Group, Stack, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Job } from "@/api/generated";
import { isLive, timelineOptions } from "@/api/job";
import classes from "@/features/job/training/phase-bar.module.css";
import { type SpanKind, type Stretch, stretches } from "@/features/job/training/phases";
import { count, duration, exact } from "@/lib/format";
import { useNow } from "@/lib/use-now";

const KINDS: Record<SpanKind, string> = {
  waiting: "waiting",
  preparing: "preparing",
  measuring: "measuring",
  training: "training",
  finishing: "finishing",
  paused: "paused",
};

/** Where the job's time went, as one bar from first to last; each stretch tells its own, by pointer, focus or tap. */
export function PhaseBar(props: { job: Job }) {
  const timeline = useQuery(timelineOptions(props.job.id));
  const now = useNow();
  const bar = stretches(timeline.data?.spans ?? [], now);
  if (bar.length === 0) return null;
  const kinds = (Object.keys(KINDS) as SpanKind[]).filter((kind) => bar.some((stretch) => stretch.kind === kind));
  return (
    <Stack gap={8} component="section" aria-label="Where the time went">
      <Text component="h3" fw={600} size="sm">
        {heading(bar, isLive(props.job))}
      </Text>
      <ol className={classes.bar}>
        {bar.map((stretch) => (
          <li
            key={`${stretch.phase}-${stretch.startedAt}`}
            className={classes.item}
            style={{ flexGrow: stretch.share, flexBasis: 0 }}
          >
            <Tooltip label={told(stretch)}>
              <UnstyledButton className={`${classes.stretch} ${classes[stretch.kind]}`} aria-label={told(stretch)} />
            </Tooltip>
          </li>
        ))}
      </ol>
      <Group gap="md" aria-hidden>
        {kinds.map((kind) => (
          <Group key={kind} gap={6}>
            <span className={`${classes.dot} ${classes[kind]}`} />
            <Text size="xs" c="dimmed">
              {KINDS[kind]} {duration(sum(bar.filter((stretch) => stretch.kind === kind)))}
            </Text>
          </Group>
        ))}
      </Group>
      <PhaseTable bar={bar} />
    </Stack>
  );
}

function heading(bar: readonly Stretch[], live: boolean): string {
  const training = sum(bar.filter(({ kind }) => kind === "training"));
  const all = sum(bar);
  const of = training > 0 ? `, ${duration(training)} of it training` : "";
  return live ? `${duration(all)} so far${of}` : `${duration(all)} in all${of}`;
}

function sum(bar: readonly Stretch[]): number {
  return bar.reduce((total, { seconds }) => total + seconds, 0);
}

function told(stretch: Stretch): string {
  const lasts = stretch.lasts ? " so far" : "";
  const attempt = stretch.attempt !== null && stretch.attempt > 1 ? `, attempt ${count(stretch.attempt)}` : "";
  const worker = stretch.worker ? ` on ${stretch.worker}` : "";
  return `${stretch.words}: ${duration(stretch.seconds)}${lasts}${worker}${attempt}`;
}

function PhaseTable(props: { bar: readonly Stretch[] }) {
  return (
    <div className="visually-hidden">
      <table>
        <caption>Phases with their times</caption>
        <thead>
          <tr>
            <th scope="col">Phase</th>
            <th scope="col">From</th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {props.bar.map((stretch) => (
            <tr key={`${stretch.phase}-${stretch.startedAt}`}>
              <th scope="row">{stretch.words}</th>
              <td>{exact(stretch.startedAt)}</td>
              <td>
                {duration(stretch.seconds)}
                {stretch.lasts ? " so far" : ""}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
