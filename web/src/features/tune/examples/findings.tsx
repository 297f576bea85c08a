import { Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { type Icon, IconAlertTriangle, IconCircleX, IconInfoCircle } from "@tabler/icons-react";
import type { Fix } from "@/api/datasets";
import type { Report } from "@/api/files";
import type { Finding } from "@/api/generated";
import { fixLabel } from "@/features/tune/examples/version-words";
import { count } from "@/lib/format";

interface FindingsProps {
  report: Report;
  apply: (fixes: Fix[]) => void;
  busy: boolean;
}

/** What the check-up noticed: how many, what it means, what to do, and the button that does it. */
export function Findings(props: FindingsProps) {
  const { findings } = props.report;
  if (findings.length === 0) return null;
  return (
    <Card>
      <Stack gap="sm">
        <Stack gap={2}>
          <Title order={3}>Worth a look</Title>
          <Text c="dimmed">Nothing here keeps a job from starting. Each repair makes a new version.</Text>
        </Stack>
        <Stack gap="md" component="ul" m={0} p={0} style={{ listStyle: "none" }}>
          {findings.map((finding) => (
            <Row key={`${finding.code}-${finding.message}`} finding={finding} apply={props.apply} busy={props.busy} />
          ))}
        </Stack>
      </Stack>
    </Card>
  );
}

const LEVELS: Record<Finding["level"], { icon: Icon; color: string; word: string }> = {
  error: { icon: IconCircleX, color: "var(--mantine-color-red-text)", word: "Serious" },
  warn: { icon: IconAlertTriangle, color: "var(--mantine-color-yellow-text)", word: "Look at it" },
  info: { icon: IconInfoCircle, color: "var(--mantine-color-dimmed)", word: "Good to know" },
};

function Row(props: { finding: Required<Finding>; apply: (fixes: Fix[]) => void; busy: boolean }) {
  const { finding } = props;
  const { icon: LevelIcon, color, word } = LEVELS[finding.level];
  return (
    <li>
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <LevelIcon size={18} color={color} role="img" aria-label={word} style={{ flex: "none", marginTop: 2 }} />
        <Stack gap={4} align="flex-start" miw={0}>
          <Text fw={600} style={{ overflowWrap: "anywhere" }}>
            {finding.message}
          </Text>
          <Text>{finding.fix}</Text>
          {finding.lines?.length ? <Lines lines={finding.lines} of={finding.count} /> : null}
          {finding.repairs?.length ? (
            <Group gap="xs" mt={4}>
              {finding.repairs.map((fix) => (
                <Button
                  key={JSON.stringify(fix)}
                  variant="default"
                  size="compact-sm"
                  loading={props.busy}
                  onClick={() => props.apply([fix])}
                >
                  {fixLabel(fix, finding)}
                </Button>
              ))}
            </Group>
          ) : null}
        </Stack>
      </Group>
    </li>
  );
}

const SHOWN = 8;

function Lines(props: { lines: number[]; of: number }) {
  const shown = props.lines.slice(0, SHOWN);
  return (
    <Text size="xs" c="dimmed">
      {shown.length === 1 ? "Line" : "Lines"} {shown.map(count).join(", ")}
      {props.of > shown.length ? ` and ${count(props.of - shown.length)} more` : ""}
    </Text>
  );
}
