import { Card, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import type { ClassificationDetails } from "@/api/generated";
import { Calibration } from "@/features/job/result/calibration";
import classes from "@/features/job/result/classification.module.css";
import { ConfusionMatrix } from "@/features/job/result/confusion-matrix";
import { count, percent } from "@/lib/format";
import { Term } from "@/ui/term";

/** What a classifier does on its held-out records: what it takes for what, how good it is at each label, and whether
 *  its confidence can be believed. */
export function ClassificationResult(props: { details: ClassificationDetails }) {
  const { details } = props;
  return (
    <Stack gap="sm" component="section">
      <Title order={2}>Label by label</Title>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {details.confusion.length > 0 ? <ConfusionMatrix labels={details.labels} counts={details.confusion} /> : null}
        <Calibration bins={details.calibration} error={details.expected_calibration_error} />
      </SimpleGrid>
      <ClassTable details={details} />
    </Stack>
  );
}

function ClassTable(props: { details: ClassificationDetails }) {
  return (
    <Card>
      <Stack gap="xs">
        <Text component="h3" fw={600}>
          Each label
        </Text>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it may be wider than a phone, and then scrolls by keys */}
        {/* biome-ignore lint/a11y/useSemanticElements: a group that scrolls is no form's set of fields */}
        <div className={classes.scroll} tabIndex={0} role="group" aria-label="Each label's figures">
          <Table miw={420}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Label</Table.Th>
                <Table.Th ta="right">
                  <Term means="Of the records given this label, how many carry it.">Precision</Term>
                </Table.Th>
                <Table.Th ta="right">
                  <Term means="Of the records that carry this label, how many were given it.">Recall</Term>
                </Table.Th>
                <Table.Th ta="right">
                  <Term means="The harmonic mean of precision and recall.">F1</Term>
                </Table.Th>
                <Table.Th ta="right">Held-out records</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {props.details.classes.map((each) => (
                <Table.Tr key={each.label}>
                  <Table.Th scope="row" fw={500} style={{ overflowWrap: "anywhere" }}>
                    {each.label}
                  </Table.Th>
                  <Table.Td ta="right">{percent(each.precision)}</Table.Td>
                  <Table.Td ta="right">{percent(each.recall)}</Table.Td>
                  <Table.Td ta="right">{percent(each.f1)}</Table.Td>
                  <Table.Td ta="right">{count(each.support)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      </Stack>
    </Card>
  );
}
