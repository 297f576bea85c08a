import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

/** A part of a tab: a heading, a sentence, an action, and what it is about. */
export function Section(props: { title: string; lead?: ReactNode; action?: ReactNode; children?: ReactNode }) {
  return (
    <Card padding="lg" component="section">
      <Stack gap="md">
        <Group justify="space-between" align="flex-start" gap="sm">
          <Stack gap={2} maw={620}>
            <Title order={2}>{props.title}</Title>
            {props.lead ? <Text c="dimmed">{props.lead}</Text> : null}
          </Stack>
          {props.action}
        </Group>
        {props.children}
      </Stack>
    </Card>
  );
}
