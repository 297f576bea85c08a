import { Card, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

/** What will be here, and the button that begins. */
export function EmptyState(props: { title: string; text: ReactNode; action?: ReactNode; icon?: ReactNode }) {
  return (
    <Card padding="xl">
      <Stack align="center" gap="sm" py="lg" ta="center">
        {props.icon}
        <Title order={2}>{props.title}</Title>
        <Text c="dimmed" maw={520}>
          {props.text}
        </Text>
        {props.action}
      </Stack>
    </Card>
  );
}
