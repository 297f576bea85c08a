import { Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconPlugOff, IconX } from "@tabler/icons-react";
import type { WorkerFit } from "@/api/generated";
import { duration } from "@/lib/format";

const LOOKS = {
  fits: { word: "can run it", icon: IconCheck, color: "green" },
  tight: { word: "tight", icon: IconAlertTriangle, color: "yellow" },
  does_not_fit: { word: "cannot run it", icon: IconX, color: "red" },
} as const;

/** Which workers can run the job, and why the others cannot. */
export function WorkerFits(props: { workers: WorkerFit[]; chosen: string | null }) {
  return (
    <Stack gap="xs" component="ul" p={0} m={0} style={{ listStyle: "none" }}>
      {props.workers.map((worker) => (
        <li key={worker.id}>
          <OneWorker worker={worker} quickest={worker.id === props.chosen && props.workers.length > 1} />
        </li>
      ))}
    </Stack>
  );
}

function OneWorker(props: { worker: WorkerFit; quickest: boolean }) {
  const { worker } = props;
  const look = LOOKS[worker.fits];
  const WorkerIcon = worker.connected ? look.icon : IconPlugOff;
  const time = worker.time_s && worker.fits !== "does_not_fit" ? `, about ${duration(worker.time_s.value)}` : "";
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start">
      <WorkerIcon
        size={16}
        aria-hidden
        style={{ flexShrink: 0, marginTop: 2 }}
        color={`var(--mantine-color-${worker.connected ? look.color : "gray"}-filled)`}
      />
      <div style={{ minWidth: 0 }}>
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          <b>{worker.id}</b> {worker.connected ? `${look.word}${time}` : "is not connected"}
          {props.quickest ? ", the quickest" : ""}
        </Text>
        {worker.fits === "fits" && worker.connected ? null : (
          <Text size="xs" c="dimmed">
            {worker.why}
          </Text>
        )}
      </div>
    </Group>
  );
}
