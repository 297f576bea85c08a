import { Button, Card, Group, Stack, Switch, Text, Title } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { fileRecordsQuery } from "@/api/files";
import type { FileRecord } from "@/api/generated";
import classes from "@/features/tune/examples/records.module.css";
import { count } from "@/lib/format";
import { Loaded } from "@/ui/loaded";
import { RecordPreview } from "@/ui/previews/record-preview";
import { ResidueLegend } from "@/ui/previews/sequence";

const PAGE = 5;

/** The records as training reads them, a few at a time. */
export function Records(props: { fileId: string; total: number }) {
  /** The cursor that each page shown so far begins behind. */
  const [starts, setStarts] = useState<(string | null)[]>([null]);
  const [plain, setPlain] = useLocalStorage({ key: "tunesmith-plain-sequences", defaultValue: false });
  const query = useQuery(fileRecordsQuery(props.fileId, starts.at(-1) ?? null, PAGE));
  const first = (starts.length - 1) * PAGE + 1;
  return (
    <Card>
      <Stack gap="xs">
        <Title order={3}>What the model will read</Title>
        <Loaded query={query} what="Records">
          {(page) => (
            <>
              <Key records={page.data} plain={plain} onPlain={setPlain} />
              <div aria-busy={query.isPlaceholderData}>
                {page.data.map((record) => (
                  <div key={record.id} className={classes.record}>
                    <span className={classes.line}>line {count(record.line)}</span>
                    <RecordPreview record={record} plain={plain} />
                  </div>
                ))}
              </div>
              <Group justify="space-between">
                <Text c="dimmed" size="sm" role="status">
                  {count(first)} to {count(first + page.data.length - 1)} of {count(props.total)}
                </Text>
                <Group gap="xs">
                  {starts.length > 1 ? (
                    <Button variant="default" onClick={() => setStarts(starts.slice(0, -1))}>
                      Earlier ones
                    </Button>
                  ) : null}
                  {page.has_more ? (
                    <Button variant="default" onClick={() => setStarts([...starts, page.last_id ?? null])}>
                      Next ones
                    </Button>
                  ) : null}
                </Group>
              </Group>
            </>
          )}
        </Loaded>
      </Stack>
    </Card>
  );
}

/** What the colours mean. */
function Key(props: { records: FileRecord[]; plain: boolean; onPlain: (plain: boolean) => void }) {
  const kind = props.records.find((record) => record.kind)?.kind;
  if (kind === "sequence" || kind === "labelled_sequence")
    return (
      <Group justify="space-between">
        {props.plain ? <span /> : <ResidueLegend />}
        <Switch
          label="Plain letters"
          checked={props.plain}
          onChange={(event) => props.onPlain(event.currentTarget.checked)}
        />
      </Group>
    );
  if (kind === "chat" || kind === "instruction" || kind === "completion" || kind === "preference")
    return (
      <Text c="dimmed">
        Teal is what the model learns to write; the rest it only reads.
        {kind === "preference" ? " Of the two answers it learns to tell the preferred from the rejected one." : ""}
      </Text>
    );
  return null;
}
