import { Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle, IconX } from "@tabler/icons-react";
import type { Finding } from "@/api/generated";
import { percent } from "@/lib/format";

const LOOKS = {
  info: { icon: IconInfoCircle, color: "gray", word: "Note" },
  warn: { icon: IconAlertTriangle, color: "yellow", word: "Warning" },
  error: { icon: IconX, color: "red", word: "Fault" },
} as const;

/** One thing that was found: how many it concerns, what it means, and what to do. */
export function FindingRow(props: { finding: Finding }) {
  const { finding } = props;
  const { icon: FindingIcon, color, word } = LOOKS[finding.level ?? "warn"];
  const lines = finding.lines ?? [];
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start">
      <FindingIcon
        size={18}
        color={`var(--mantine-color-${color}-7)`}
        style={{ flexShrink: 0, marginTop: 2 }}
        aria-label={word}
      />
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Text style={{ overflowWrap: "anywhere" }}>
          {finding.message}{" "}
          <Text span size="xs" c="dimmed">
            {percent(finding.share)} of the records
          </Text>
        </Text>
        <Text size="sm" c="dimmed">
          {finding.fix}
        </Text>
        {lines.length > 0 ? (
          <Text size="xs" c="dimmed">
            Lines {lines.slice(0, 8).join(", ")}
            {finding.count > 8 ? ", ..." : ""}
          </Text>
        ) : null}
      </Stack>
    </Group>
  );
}
