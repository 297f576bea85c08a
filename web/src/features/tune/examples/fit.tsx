import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconArrowsShuffle } from "@tabler/icons-react";
import type { Fix } from "@/api/datasets";
import type { Report } from "@/api/files";
import { type Draft, type Goal, kindsOf } from "@/features/tune/draft";
import { isWhole, suggestRoles } from "@/features/tune/examples/suggest";
import { fixLabel } from "@/features/tune/examples/version-words";
import { goalsFor, kindPlural, tooFew } from "@/features/tune/examples/words";
import { GOALS } from "@/features/tune/goal/goals";

interface FitProps {
  report: Report;
  goal: Goal;
  set: (change: Partial<Draft>) => void;
  apply: (fixes: Fix[]) => void;
  busy: boolean;
}

/** Whether the examples fit the goal and are enough, told before a job would fail on it. */
export function Fit(props: FitProps) {
  const { kind, n_records } = props.report;
  if (!kind) return null;
  if (!kindsOf(props.goal).includes(kind)) return <WrongKind {...props} />;
  const few = tooFew(n_records);
  if (!few) return null;
  return (
    <Alert
      color={few.level === "error" ? "red" : "yellow"}
      icon={<IconAlertTriangle aria-hidden />}
      styles={{ title: { color: "inherit" } }}
      title={few.level === "error" ? "Not enough examples" : "Few examples"}
    >
      {few.text}
    </Alert>
  );
}

function WrongKind(props: FitProps) {
  const { report, goal } = props;
  if (!report.kind) return null;
  const roles = suggestRoles(report.roles, goal, report.possible_roles, { byNameAlone: true });
  const other = setColumns(report, roles);
  return (
    <Alert
      color="yellow"
      icon={<IconArrowsShuffle aria-hidden />}
      styles={{ title: { color: "inherit" } }}
      title={`These examples do not fit “${GOALS[goal].title}”`}
    >
      <Stack gap="sm">
        <Text>
          They are {kindPlural(report.kind)}; the goal learns from {listed(kindsOf(goal).map(kindPlural))}. Change the
          goal, or{isWhole(roles, goal) ? " what the columns are, or" : ""} choose other examples.
        </Text>
        <Group gap="xs">
          {goalsFor(report.kind).map((each) => (
            <Button key={each} variant="default" onClick={() => props.set({ goal: each })}>
              Change the goal to “{GOALS[each].title}”
            </Button>
          ))}
          {isWhole(roles, goal) ? (
            <Button
              variant="default"
              loading={props.busy}
              onClick={() => props.apply([other])}
              styles={{ label: { whiteSpace: "normal" } }}
            >
              {fixLabel(other)}
            </Button>
          ) : null}
        </Group>
      </Stack>
    </Alert>
  );
}

/** Every column with its role; those without one are left out. */
export function setColumns(report: Report, roles: Record<string, string>): Extract<Fix, { type: "set_columns" }> {
  return {
    type: "set_columns",
    roles: Object.fromEntries(report.roles.map((column) => [column.name, roles[column.name] ?? ""])),
  };
}

function listed(words: string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
