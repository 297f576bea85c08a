import { Card, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import type { EmbeddingDetails } from "@/api/generated";
import { SimilarityBars } from "@/features/job/result/similarity-bars";
import { count, counted, figure, percent } from "@/lib/format";
import { Term } from "@/ui/term";
import tone from "@/ui/tone.module.css";

const MEASURES: { key: string; name: string; means: string }[] = [
  { key: "recall_at_1", name: "recall@1", means: "How often the right text is found first." },
  { key: "recall_at_10", name: "recall@10", means: "How often the right text is among the first ten." },
  { key: "mrr", name: "MRR", means: "Mean reciprocal rank: 1 when the right text is always first, 0.5 when second." },
  { key: "ndcg_at_10", name: "nDCG@10", means: "How far up the right texts stand among the first ten; 1 is perfect." },
  { key: "spearman", name: "Spearman", means: "How well the order of similarities agrees with the order of scores." },
];

/** How well an embedding model finds what belongs together, before and after. */
export function EmbeddingResult(props: { details: EmbeddingDetails; metrics: Record<string, number> }) {
  const { details, metrics } = props;
  const measured = MEASURES.map((each) => ({
    ...each,
    before: metrics[`${each.key}_before`],
    after: metrics[`${each.key}_after`],
  })).filter(({ before, after }) => before !== undefined && after !== undefined);
  const sizes = Object.entries(details.by_dimensions ?? {});
  return (
    <Stack gap="sm" component="section">
      <Title order={2}>How well it finds</Title>
      <Text c="dimmed" maw={720}>
        {counted(details.n_queries, "held-out query", "held-out queries")} searched among{" "}
        {counted(details.n_documents, "text")}. {details.loss}
      </Text>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {measured.length > 0 ? (
          <Card>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Measure</Table.Th>
                  <Table.Th ta="right">Base</Table.Th>
                  <Table.Th ta="right">Tuned</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {measured.map(({ key, name, means, before, after }) => (
                  <Table.Tr key={key}>
                    <Table.Th scope="row" fw={500}>
                      <Term means={means}>{name}</Term>
                    </Table.Th>
                    <Table.Td ta="right" className={tone.base}>
                      {figure(before ?? 0)}
                    </Table.Td>
                    <Table.Td ta="right" fw={600} className={tone.tuned}>
                      {figure(after ?? 0)}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Card>
        ) : null}
        <SimilarityBars histogram={details.similarity} />
        {sizes.length > 0 ? (
          <Card>
            <Stack gap="xs">
              <Text component="h3" fw={600}>
                <Term means="Matryoshka: the first numbers of each vector serve on their own, so vectors can be cut to save room.">
                  With shorter vectors
                </Term>
              </Text>
              <Table>
                <Table.Tbody>
                  {sizes.map(([dimensions, value]) => (
                    <Table.Tr key={dimensions}>
                      <Table.Th scope="row" fw={500}>
                        {count(Number(dimensions))} of {count(details.dimensions)} numbers
                      </Table.Th>
                      <Table.Td ta="right">
                        {figure(value)}{" "}
                        <Text span size="xs" c="dimmed">
                          ({percent(Number(dimensions) / details.dimensions)} of the size)
                        </Text>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Stack>
          </Card>
        ) : null}
      </SimpleGrid>
    </Stack>
  );
}
