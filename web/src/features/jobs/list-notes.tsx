import { Button, Group, Kbd, Text } from "@mantine/core";
import { IconArrowUp } from "@tabler/icons-react";
import { Link } from "react-router";
import { counted } from "@/lib/format";
import { EmptyState } from "@/ui/empty-state";

/** Nothing to list: because there is nothing yet, or because nothing is like what was asked for. */
export function NoJobs(props: { narrowed: boolean; onClear: () => void }) {
  if (props.narrowed) {
    return (
      <EmptyState
        title="No job is like that"
        text="There may be others: the filters above leave out what they do not name."
        action={<Button onClick={props.onClear}>Clear the filters</Button>}
      />
    );
  }
  return (
    <EmptyState
      title="No jobs yet"
      text="A job trains a model on your examples and measures whether it became better. Each one will stand here, from the moment it is started."
      action={
        <Button component={Link} to="/tune">
          Tune your first model
        </Button>
      }
    />
  );
}

/** Jobs that came while somebody reads wait here, so that no row moves under the eyes. */
export function NewOnTop(props: { waiting: number; onShow: () => void }) {
  if (props.waiting === 0) return null;
  return (
    <Group justify="center" h={0} style={{ overflow: "visible", zIndex: 5 }}>
      <Button
        size="compact-sm"
        radius="xl"
        leftSection={<IconArrowUp size={14} aria-hidden />}
        onClick={props.onShow}
        style={{ transform: "translateY(22px)" }}
      >
        {props.waiting} new
      </Button>
    </Group>
  );
}

/** How much of the list is loaded, and the keys that work on it. */
export function Foot(props: { loaded: number; total: number | null; phone: boolean }) {
  const { loaded, total, phone } = props;
  return (
    <Group justify="space-between" gap="xs">
      <Text size="xs" c="dimmed">
        {total !== null && total > loaded ? `${loaded} of ${counted(total, "job")} loaded` : counted(loaded, "job")}
      </Text>
      {phone ? null : (
        <Text size="xs" c="dimmed">
          <Kbd size="xs">J</Kbd> <Kbd size="xs">K</Kbd> move · <Kbd size="xs">X</Kbd> select · <Kbd size="xs">C</Kbd>{" "}
          cancel · <Kbd size="xs">Enter</Kbd> open
        </Text>
      )}
    </Group>
  );
}
