import { Anchor, Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import type { Fix } from "@/api/datasets";
import type { Report } from "@/api/files";
import { count, counted } from "@/lib/format";

const FIRST = 5;
const ONE = "A job would fail on it. Mend it in your file and bring that again, or leave the line out.";
const SEVERAL = "A job would fail on them. Mend them in your file and bring that again, or leave the lines out.";
/** The columns' own panel says what to do about this one. */
const OF_THE_HEADER = "unknown_columns";

/** Lines that cannot be read: a job would fail on them, so they are mended in the file or left out. */
export function Faults(props: { report: Report; apply: (fixes: Fix[]) => void; busy: boolean }) {
  const [all, setAll] = useState(false);
  const { n_faults, kind } = props.report;
  const faults = props.report.faults.filter((fault) => fault.code !== OF_THE_HEADER);
  if (faults.length === 0) return null;
  const shown = all ? faults : faults.slice(0, FIRST);
  return (
    <Card>
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start">
          <Stack gap={2}>
            <Title order={3}>{counted(n_faults, "line")} cannot be read</Title>
            <Text c="dimmed">{n_faults === 1 ? ONE : SEVERAL}</Text>
          </Stack>
          {kind ? (
            <Button loading={props.busy} onClick={() => props.apply([{ type: "drop_faulty" }])}>
              {n_faults === 1 ? "Leave it out" : `Leave out the ${count(n_faults)} lines`}
            </Button>
          ) : null}
        </Group>
        <Stack gap={4} component="ul" m={0} pl="md">
          {shown.map((fault) => (
            <Text
              component="li"
              key={`${fault.line}-${fault.code}-${fault.param}`}
              style={{ overflowWrap: "anywhere" }}
            >
              {fault.message}
            </Text>
          ))}
        </Stack>
        {faults.length > shown.length ? (
          <Anchor component="button" onClick={() => setAll(true)} style={{ alignSelf: "flex-start" }}>
            Show {count(faults.length - shown.length)} more
          </Anchor>
        ) : n_faults > faults.length ? (
          <Text c="dimmed">The first {count(faults.length)} are shown.</Text>
        ) : null}
      </Stack>
    </Card>
  );
}
