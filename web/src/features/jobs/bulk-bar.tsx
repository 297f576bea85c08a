import { Button, Group, Paper, Text } from "@mantine/core";
import { IconBan } from "@tabler/icons-react";
import type { Job } from "@/api/generated";
import { counted } from "@/lib/format";
import { may } from "@/lib/job-words";

/** What can be done with the ticked jobs; it floats, so that ticking moves nothing. */
export function BulkBar(props: { jobs: Job[]; onCancel: () => void; onClear: () => void }) {
  const { jobs, onCancel, onClear } = props;
  if (jobs.length === 0) return null;
  const live = jobs.filter((job) => may(job).cancel).length;
  return (
    <Paper
      shadow="md"
      withBorder
      p="xs"
      role="region"
      aria-label="Selected jobs"
      pos="fixed"
      bottom={20}
      left="50%"
      style={{ transform: "translateX(-50%)", zIndex: 100 }}
    >
      <Group gap="sm" wrap="nowrap">
        <Text size="sm" fw={600} style={{ whiteSpace: "nowrap" }}>
          {jobs.length} selected
        </Text>
        {live > 0 ? (
          <Button size="compact-sm" color="red" leftSection={<IconBan size={16} aria-hidden />} onClick={onCancel}>
            Cancel {counted(live, "job")}
          </Button>
        ) : (
          <Text size="sm" c="dimmed">
            all have ended
          </Text>
        )}
        <Button size="compact-sm" variant="subtle" color="gray" onClick={onClear}>
          Clear
        </Button>
      </Group>
    </Paper>
  );
}
