import { Button, Group, Text } from "@mantine/core";
import { IconArrowLeft, IconArrowRight } from "@tabler/icons-react";

/** The way on and back at a step's end. `lacks` says what is missing; the button then tells it instead of going on. */
export function StepButtons(props: { back?: () => void; next: () => void; nextLabel: string; lacks?: string | null }) {
  return (
    <Group justify="space-between" mt="md" gap="sm">
      {props.back ? (
        <Button variant="subtle" color="gray" leftSection={<IconArrowLeft size={16} />} onClick={props.back}>
          Back
        </Button>
      ) : (
        <span />
      )}
      {props.lacks ? (
        <Text c="dimmed" role="status">
          {props.lacks} to go on.
        </Text>
      ) : (
        <Button rightSection={<IconArrowRight size={16} />} onClick={props.next}>
          {props.nextLabel}
        </Button>
      )}
    </Group>
  );
}
