import { Box, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** What is known of a thing, a line each; a fact that is null is left out. */
export function Facts(props: { facts: [name: ReactNode, value: ReactNode][] }) {
  return (
    <Box component="dl" m={0}>
      {props.facts.map(([name, value], i) =>
        value === null ? null : (
          // biome-ignore lint/suspicious/noArrayIndexKey: a fixed list, whose names need not be text
          <Group key={i} gap="xs" py={6} wrap="nowrap" align="baseline">
            <Text component="dt" c="dimmed" w={{ base: 112, sm: 168 }} style={{ flexShrink: 0 }}>
              {name}
            </Text>
            <Box component="dd" m={0} miw={0} style={{ overflowWrap: "anywhere" }}>
              {value}
            </Box>
          </Group>
        ),
      )}
    </Box>
  );
}
