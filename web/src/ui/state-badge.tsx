import { Badge } from "@mantine/core";
import {
  type Icon,
  IconBan,
  IconCircleCheck,
  IconClock,
  IconPlayerPause,
  IconPlayerPlay,
  IconX,
} from "@tabler/icons-react";
import type { JobStatus } from "@/api/generated";
import classes from "@/ui/state-badge.module.css";

const LOOKS: Record<JobStatus, { label: string; color: string; icon: Icon }> = {
  validating_files: { label: "Checking data", color: "yellow", icon: IconClock },
  queued: { label: "Waiting", color: "yellow", icon: IconClock },
  running: { label: "Running", color: "blue", icon: IconPlayerPlay },
  paused: { label: "Paused", color: "gray", icon: IconPlayerPause },
  succeeded: { label: "Completed", color: "green", icon: IconCircleCheck },
  failed: { label: "Failed", color: "red", icon: IconX },
  cancelled: { label: "Cancelled", color: "gray", icon: IconBan },
};

export function stateLabel(status: JobStatus): string {
  return LOOKS[status].label;
}

export function stateColor(status: JobStatus): string {
  return LOOKS[status].color;
}

/** A job's state by icon, word and colour; only a running one moves. */
export function StateBadge(props: { status: JobStatus }) {
  const { label, color, icon: StateIcon } = LOOKS[props.status];
  return (
    <Badge
      variant="light"
      color={color}
      autoContrast
      className={props.status === "running" ? classes.running : classes.still}
      data-waits={color === "yellow" || undefined}
      leftSection={<StateIcon size={12} aria-hidden />}
      tt="none"
      fw={600}
    >
      {label}
    </Badge>
  );
}
