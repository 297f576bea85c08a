import { Table } from "@mantine/core";
import { useMemo } from "react";
import type { JobMetric } from "@/api/generated";
import classes from "@/features/job/training/figures-table.module.css";
import { tableOf } from "@/features/job/training/series";
import { figure } from "@/lib/format";

/** The curves' figures, a row a step: what a screen reader reads instead of them. */
export function FiguresTable(props: { metrics: readonly JobMetric[] }) {
  const { columns, rows } = useMemo(() => tableOf(props.metrics), [props.metrics]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys
    // biome-ignore lint/a11y/useSemanticElements: a group that scrolls is no form's set of fields
    <div className={classes.scroll} tabIndex={0} role="group" aria-label="Figures by step">
      <Table stickyHeader>
        <Table.Thead>
          <Table.Tr>
            {columns.map((name) => (
              <Table.Th key={name} ta="right">
                {name.replaceAll("_", " ")}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a step may stand twice, the order never changes
            <Table.Tr key={i}>
              {row.map((cell, j) => (
                <Table.Td key={columns[j]} ta="right">
                  {cell === null ? "" : j === 0 ? cell : figure(cell)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
