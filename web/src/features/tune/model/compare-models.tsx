import { Box, Collapse, Stack, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { size } from "@/features/tune/model/model-words";
import type { Offer } from "@/features/tune/model/offers";
import type { Fits } from "@/features/tune/model/use-fits";
import { bytes, count, duration } from "@/lib/format";
import { FoldButton } from "@/ui/fold-button";

/** The figures of all offered models side by side, folded until somebody wants them. */
export function CompareModels(props: { offers: Offer[]; told: Fits }) {
  const [open, { toggle }] = useDisclosure(false);
  if (props.offers.length < 2) return null;
  return (
    <div>
      <FoldButton label="Compare in detail" open={open} onToggle={toggle} />
      <Collapse expanded={open}>
        <Box visibleFrom="sm">
          <Table mt="xs" fz="sm">
            <Table.Thead>
              <Table.Tr>
                {["Model", "Size", "Context", "Memory", "Time", "To fetch", "Architecture", "What to know"].map(
                  (name) => (
                    <Table.Th key={name}>{name}</Table.Th>
                  ),
                )}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {props.offers.map((offer) => (
                <Row key={offer.id} offer={offer} told={props.told} />
              ))}
            </Table.Tbody>
          </Table>
        </Box>
        <Stack gap="sm" mt="xs" hiddenFrom="sm">
          {props.offers.map((offer) => (
            <AsLines key={offer.id} offer={offer} told={props.told} />
          ))}
        </Stack>
      </Collapse>
    </div>
  );
}

function Row(props: { offer: Offer; told: Fits }) {
  const { base, title, id } = props.offer;
  const estimate = props.told.estimates.get(id);
  return (
    <Table.Tr>
      <Table.Th scope="row">{title}</Table.Th>
      <Table.Td>{size(base.parameters)}</Table.Td>
      <Table.Td>{count(base.context)} tokens</Table.Td>
      <Table.Td>{estimate ? bytes(estimate.peak_memory_bytes.value) : "not told yet"}</Table.Td>
      <Table.Td>{estimate ? duration(estimate.time_s.value) : "not told yet"}</Table.Td>
      <Table.Td>
        {estimate ? (estimate.fetch_bytes ? bytes(estimate.fetch_bytes) : "nothing") : "not told yet"}
      </Table.Td>
      <Table.Td>{base.architecture}</Table.Td>
      <Table.Td miw={240}>{base.note}</Table.Td>
    </Table.Tr>
  );
}

/** The same on a phone, where a table would have to be pushed sideways. */
function AsLines(props: { offer: Offer; told: Fits }) {
  const { base, title, id } = props.offer;
  const estimate = props.told.estimates.get(id);
  const takes = estimate
    ? `${bytes(estimate.peak_memory_bytes.value)} of memory, ${duration(estimate.time_s.value)}, ` +
      `${estimate.fetch_bytes ? bytes(estimate.fetch_bytes) : "nothing"} to fetch`
    : "not told yet";
  return (
    <div>
      <Text fw={600} size="sm">
        {title}
      </Text>
      <Text size="sm">{takes}</Text>
      <Text size="sm" c="dimmed">
        {size(base.parameters)}, {count(base.context)} tokens, {base.architecture}. {base.note}
      </Text>
    </div>
  );
}
