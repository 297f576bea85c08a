import { Badge, type MantineColor } from "@mantine/core";
import { type Icon, IconAlertTriangle, IconCheck, IconClock, IconHelp, IconPlugOff, IconX } from "@tabler/icons-react";
import type { FitState } from "@/features/tune/model/fit";

const LOOKS: Record<FitState, { label: string; color: MantineColor; icon: Icon }> = {
  asking: { label: "Calculating", color: "gray", icon: IconClock },
  fits: { label: "Fits", color: "green", icon: IconCheck },
  tight: { label: "Tight", color: "yellow", icon: IconAlertTriangle },
  does_not_fit: { label: "Does not fit", color: "red", icon: IconX },
  no_worker: { label: "No worker", color: "gray", icon: IconPlugOff },
  unknown: { label: "Cannot be used", color: "red", icon: IconHelp },
};

/** Whether it fits, by icon, word and colour. */
export function FitBadge(props: { state: FitState }) {
  const { label, color, icon: FitIcon } = LOOKS[props.state];
  return (
    <Badge
      variant="light"
      color={color}
      c="var(--mantine-color-text)"
      tt="none"
      fw={600}
      style={{ flexShrink: 0 }}
      leftSection={<FitIcon size={12} aria-hidden color={`var(--mantine-color-${color}-filled)`} />}
    >
      {label}
    </Badge>
  );
}
