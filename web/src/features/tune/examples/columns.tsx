import { Button, Card, Group, Select, Stack, Text, Title } from "@mantine/core";
import { useSessionStorage } from "@mantine/hooks";
import type { Fix } from "@/api/datasets";
import type { Report } from "@/api/files";
import type { ColumnRole } from "@/api/generated";
import type { Goal } from "@/features/tune/draft";
import classes from "@/features/tune/examples/columns.module.css";
import { setColumns } from "@/features/tune/examples/fit";
import { suggestRoles } from "@/features/tune/examples/suggest";
import { roleWords } from "@/features/tune/examples/words";

interface ColumnsProps {
  fileId: string;
  report: Report;
  goal: Goal;
  apply: (fixes: Fix[]) => void;
  busy: boolean;
}

/** What each column was taken for, to be changed. Where none is known, a guess by the goal stands ready. */
export function Columns(props: ColumnsProps) {
  const { report, goal } = props;
  const known = Object.fromEntries(report.roles.map((column) => [column.name, column.role ?? ""]));
  const unknown = report.kind === null;
  const offered = unknown ? { ...known, ...guessed(report, goal) } : known;
  const [typed, setTyped] = useSessionStorage<Record<string, string>>({
    key: `tunesmith-columns:${props.fileId}`,
    defaultValue: {},
    getInitialValueInEffect: false,
  });
  const chosen = { ...offered, ...typed };
  const changed = unknown || report.roles.some((column) => chosen[column.name] !== known[column.name]);
  return (
    <Card>
      <Stack gap="sm">
        <Stack gap={2}>
          <Title order={3}>{unknown ? "Say what the columns are" : "Columns"}</Title>
          <Text c="dimmed">
            {unknown
              ? "Their names are not ones that examples are known by. What fits your goal is filled in; look whether it is right."
              : "What each was taken for. A change makes a new version; the one you have stays."}
          </Text>
        </Stack>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Column</th>
              <th scope="col">First values</th>
              <th scope="col">What it is</th>
            </tr>
          </thead>
          <tbody>
            {report.roles.map((column) => (
              <Row
                key={column.name}
                column={column}
                possible={report.possible_roles}
                role={chosen[column.name] ?? ""}
                onRole={(role) => setTyped({ ...typed, [column.name]: role })}
              />
            ))}
          </tbody>
        </table>
        {changed ? (
          <Group>
            <Button loading={props.busy} onClick={() => props.apply([setColumns(report, chosen)])}>
              Use these columns
            </Button>
            {unknown ? null : (
              <Button variant="subtle" color="gray" onClick={() => setTyped({})}>
                Leave them as they are
              </Button>
            )}
          </Group>
        ) : null}
      </Stack>
    </Card>
  );
}

function Row(props: {
  column: Required<ColumnRole>;
  possible: string[];
  role: string;
  onRole: (role: string) => void;
}) {
  const { column, role } = props;
  const roles = role && !props.possible.includes(role) ? [role, ...props.possible] : props.possible;
  return (
    <tr>
      <th scope="row" style={{ overflowWrap: "anywhere" }}>
        {column.name}
      </th>
      <td className={classes.values}>
        {column.examples.map((value, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the first values of a column never change
          <Text key={i} size="sm" c="dimmed" lineClamp={1}>
            {value}
          </Text>
        ))}
      </td>
      <td>
        <Select
          aria-label={`What the column ${column.name} is`}
          data={[
            { value: NOT_USED, label: "Not used" },
            ...roles.map((each) => ({ value: each, label: roleWords(each) })),
          ]}
          value={role || NOT_USED}
          onChange={(value) => props.onRole(!value || value === NOT_USED ? "" : value)}
          allowDeselect={false}
          searchable
          w={{ base: "100%", sm: 260 }}
        />
      </td>
    </tr>
  );
}

const NOT_USED = "-";

/** By the goal, else by what the server's check-up proposes. */
function guessed(report: Report, goal: Goal): Record<string, string> {
  const ours = suggestRoles(report.roles, goal, report.possible_roles);
  if (Object.keys(ours).length > 0) return ours;
  const repairs = report.findings.flatMap((finding) => finding.repairs ?? []);
  return repairs.find((fix) => fix.type === "set_columns")?.roles ?? {};
}
