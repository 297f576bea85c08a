import { Group, Text } from "@mantine/core";
import type { Job } from "@/api/generated";
import { figure } from "@/lib/format";
import { changeOf, metricWords } from "@/lib/job-words";
import { Changed } from "@/ui/changed";
import tone from "@/ui/tone.module.css";

type Figure = NonNullable<Job["headline"]>;

/** The one figure that tells how a run does: grey is the base's, teal the tuned model's; below, what it is and how it
 *  changed. */
export function Headline(props: { headline: Figure }) {
  const { headline } = props;
  const change = changeOf(headline);
  return (
    <div title={headline.sentence ?? undefined}>
      <Group gap={4} wrap="nowrap">
        {typeof headline.before === "number" ? (
          <Text size="sm" className={tone.base} style={{ whiteSpace: "nowrap" }}>
            {figure(headline.before)} <span aria-hidden>→</span>
            <span className="visually-hidden">to</span>
          </Text>
        ) : null}
        <Text size="sm" fw={600} className={tone.tuned}>
          <Changed value={headline.value}>{figure(headline.value)}</Changed>
        </Text>
      </Group>
      <Text size="xs" c="dimmed" truncate>
        {change ? (
          <span className={tone[change.word]}>
            <span aria-hidden>{change.arrow}</span> {change.word} ·{" "}
          </span>
        ) : null}
        {whatItIs(headline)}
      </Text>
    </div>
  );
}

function whatItIs(headline: Figure): string {
  const metric = metricWords(headline.metric);
  if (headline.set === "training") return `training ${metric}`;
  return typeof headline.before === "number" ? metric : `held-out ${metric}`;
}
