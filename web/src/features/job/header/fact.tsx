import { Card, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** One of the header's questions with its answer: the question small, the answer in words or a figure, then more. */
export function Fact(props: { question: string; answer: ReactNode; icon?: ReactNode; children?: ReactNode }) {
  return (
    <Card h="100%">
      <Stack gap={6}>
        <Text component="h2" size="xs" c="dimmed" fw={500}>
          {props.question}
        </Text>
        <Text component="div" size="lg" fw={600} style={{ overflowWrap: "anywhere" }}>
          {props.answer}
        </Text>
        {props.children}
      </Stack>
    </Card>
  );
}
