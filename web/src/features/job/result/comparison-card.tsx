import { Badge, Card, Group, Stack, Table, Text } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconEqual } from "@tabler/icons-react";
import type { Comparison, Estimate } from "@/api/generated";
import { Intervals } from "@/features/job/result/intervals";
import classes from "@/features/job/result/intervals.module.css";
import { adviceOf, setWords } from "@/features/job/result/verdict";
import { counted, figure } from "@/lib/format";
import { metricWords } from "@/lib/job-words";
import { Term } from "@/ui/term";
import tone from "@/ui/tone.module.css";

const LOOKS = {
  better: { label: "Better", color: "green" },
  worse: { label: "Worse", color: "red" },
  undecided: { label: "Undecided", color: "gray" },
} as const;

/** Base against tuned on one set: the sentence, then the figures, then the picture. */
export function ComparisonCard(props: { comparison: Comparison }) {
  const { comparison } = props;
  const words = setWords(comparison.set);
  const look = LOOKS[comparison.verdict];
  return (
    <Card>
      <Stack gap="sm">
        <Group justify="space-between" gap="xs">
          <Text component="h3" fw={600}>
            <Term means={words.means}>{words.name}</Term>
          </Text>
          <Badge
            variant="light"
            className={classes.verdict}
            color={look.color}
            tt="none"
            leftSection={<Arrow comparison={comparison} />}
          >
            {look.label}
          </Badge>
        </Group>
        <Text size="lg" fw={600} style={{ overflowWrap: "anywhere" }}>
          {comparison.sentence}
        </Text>
        <Text size="sm" c="dimmed">
          {adviceOf(comparison)}
        </Text>
        <Figures comparison={comparison} />
        <Intervals comparison={comparison} />
        <Text size="xs" c="dimmed">
          Dots are means over {counted(comparison.count, "held-out record")}, bars their 95 % intervals. The difference
          is paired by record, so it can be surer than the bars look.
        </Text>
      </Stack>
    </Card>
  );
}

function Arrow(props: { comparison: Comparison }) {
  const by = props.comparison.difference.value;
  if (props.comparison.verdict === "undecided" || by === 0) return <IconEqual size={12} aria-hidden />;
  return by > 0 ? <IconArrowUp size={12} aria-hidden /> : <IconArrowDown size={12} aria-hidden />;
}

function Figures(props: { comparison: Comparison }) {
  const { before, after, difference, metric, higher_is_better } = props.comparison;
  return (
    <Table layout="fixed" aria-label={`${metricWords(metric)} before and after`}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th fw={500} c="dimmed">
            {metricWords(metric)}{" "}
            <Text span size="xs" c="dimmed">
              {higher_is_better ? "higher is better" : "lower is better"}
            </Text>
          </Table.Th>
          <Table.Th fw={500} ta="right">
            value
          </Table.Th>
          <Table.Th fw={500} ta="right">
            95 % interval
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        <Line name="Base" estimate={before} className={tone.base} />
        <Line name="Tuned" estimate={after} className={tone.tuned} />
        <Line name="Difference" estimate={difference} signed />
      </Table.Tbody>
    </Table>
  );
}

function Line(props: { name: string; estimate: Estimate; className?: string; signed?: boolean }) {
  const show = props.signed ? signed : figure;
  const { value, low, high } = props.estimate;
  return (
    <Table.Tr>
      <Table.Th scope="row" fw={500} className={props.className}>
        {props.name}
      </Table.Th>
      <Table.Td ta="right" fw={600} className={props.className}>
        {show(value)}
      </Table.Td>
      <Table.Td ta="right">
        {show(low)} to {show(high)}
      </Table.Td>
    </Table.Tr>
  );
}

function signed(value: number): string {
  return value > 0 ? `+${figure(value)}` : value < 0 ? `\u2212${figure(-value)}` : "0";
}
