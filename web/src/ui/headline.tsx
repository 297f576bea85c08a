import { Group, Text } from "@mantine/core";
import type { Job } from "@/api/generated";
import { figure } from "@/lib/format";
import { changeOf, metricWords } from "@/lib/job-words";
import { Changed } from "@/ui/changed";
import tone from "@/ui/tone.module.css";

/** The one figure that tells how a run does: grey is the base's, teal the tuned model's, then how it changed. */
export function Headline(props: { headline: NonNullable<Job["headline"]> }) {
  const { headline } = props;
  const change = changeOf(headline);
  const metric = metricWords(headline.metric);
  return (
    <div title={headline.sentence ?? undefined}>
      <Group gap={6} wrap="nowrap">
        <Text size="sm" truncate>
          {headline.set === "training" ? `training ${metric}` : metric}
        </Text>
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
      {change ? (
        <Text size="xs" className={tone[change.word]}>
          <span aria-hidden>{change.arrow}</span> {change.by} {change.word}
        </Text>
      ) : null}
    </div>
  );
}
