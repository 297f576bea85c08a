import { Card, Skeleton, Stack } from "@mantine/core";
import type { Column } from "@/features/jobs/columns";
import { widthOf } from "@/features/jobs/jobs-table";
import classes from "@/features/jobs/jobs-table.module.css";

const ROWS = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** Grey shapes where the rows or cards will stand, of their size. */
export function JobsSkeleton(props: { columns: Column[]; phone: boolean }) {
  if (props.phone) {
    return (
      <Stack gap={12}>
        {ROWS.slice(0, 3).map((row) => (
          <Card key={row} padding="sm">
            <Skeleton h={274} />
          </Card>
        ))}
      </Stack>
    );
  }
  return (
    <div className={classes.frame}>
      <table className={classes.table} style={{ minWidth: widthOf(props.columns) }}>
        <thead>
          <tr>
            <td style={{ width: 36 }} />
            {props.columns.map(({ id, label, width }) => (
              <th key={id} scope="col" style={{ width }}>
                {label}
              </th>
            ))}
            <td style={{ width: 44 }} />
          </tr>
        </thead>
        <tbody>
          {ROWS.map((row) => (
            <tr key={row}>
              <td />
              {props.columns.map(({ id, width }) => (
                <td key={id}>
                  <Skeleton h={14} w={0.7 * width} />
                </td>
              ))}
              <td />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
