import { Box, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTitle } from "@/ui/use-title";

/** Every page: one title, one sentence that says what it is for, one main action at the right. */
export function Page(props: {
  title: string;
  lead?: ReactNode;
  action?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}) {
  useTitle(props.title);
  return (
    <Box maw={props.narrow ? 960 : undefined} mx={props.narrow ? "auto" : undefined}>
      <Stack gap="lg">
        <Group justify="space-between" align="flex-start" gap="md">
          <Stack gap={4} maw={720}>
            <Title order={1}>{props.title}</Title>
            {props.lead ? <Text c="dimmed">{props.lead}</Text> : null}
          </Stack>
          {props.action}
        </Group>
        {props.children}
      </Stack>
    </Box>
  );
}
