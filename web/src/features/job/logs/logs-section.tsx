import { Button, Checkbox, Group, Stack, Text, TextInput } from "@mantine/core";
import { useClipboard, useDebouncedValue } from "@mantine/hooks";
import { IconCopy, IconDownload, IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import type { Job } from "@/api/generated";
import { isLive } from "@/api/job";
import type { LogKind, LogLine } from "@/features/job/logs/log-lines";
import { LogList } from "@/features/job/logs/log-list";
import { useLog } from "@/features/job/logs/use-log";
import { counted } from "@/lib/format";
import { saveText } from "@/lib/save-text";
import { Loaded } from "@/ui/loaded";

const KINDS: { kind: LogKind; label: string }[] = [
  { kind: "output", label: "Output" },
  { kind: "error", label: "Warnings and errors" },
  { kind: "worker", label: "Worker" },
];

/** What the run and its worker wrote, line by line. */
export function LogsSection(props: { job: Job }) {
  const { job } = props;
  const [search, setSearch] = useState("");
  const [asked] = useDebouncedValue(search.trim(), 300);
  const [kinds, setKinds] = useState<ReadonlySet<LogKind>>(new Set(KINDS.map(({ kind }) => kind)));
  const [follow, setFollow] = useState(isLive(job) || job.status === "failed");
  const { query, lines, rows, hasNextPage, isFetchingNextPage, fetchNextPage } = useLog(job, asked, kinds);
  const clipboard = useClipboard({ timeout: 1500 });
  return (
    <Stack gap="sm">
      <Group gap="md" align="center">
        <TextInput
          aria-label="Search the log"
          placeholder="Search the log"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          w={{ base: "100%", xs: 240 }}
        />
        {KINDS.map(({ kind, label }) => (
          <Checkbox
            key={kind}
            label={label}
            checked={kinds.has(kind)}
            onChange={(event) => setKinds(with_(kinds, kind, event.currentTarget.checked))}
          />
        ))}
        <Checkbox
          label="Follow the end"
          checked={follow}
          onChange={(event) => setFollow(event.currentTarget.checked)}
        />
        <Group gap="xs" ml="auto">
          <Button
            variant="default"
            size="xs"
            leftSection={<IconCopy size={14} aria-hidden />}
            onClick={() => clipboard.copy(textOf(lines))}
          >
            {clipboard.copied ? "Copied" : "Copy"}
          </Button>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() => saveText(`${job.id}.log`, textOf(lines))}
          >
            Download
          </Button>
        </Group>
      </Group>
      <Loaded query={query} what="The log">
        {() =>
          rows.length === 0 ? (
            <Text c="dimmed" py="lg">
              {asked ? `No line holds "${asked}".` : lines.length > 0 ? "No line of the chosen kinds." : nothing(job)}
            </Text>
          ) : (
            <LogList
              rows={rows}
              search={asked}
              follow={follow}
              onFollow={setFollow}
              more={hasNextPage && !isFetchingNextPage ? () => void fetchNextPage() : null}
            />
          )
        }
      </Loaded>
      <Text size="xs" c="dimmed">
        {counted(lines.length, "line")}
        {asked ? ` with "${asked}"` : ""}
        {hasNextPage ? ", more come as you scroll" : ""}
      </Text>
    </Stack>
  );
}

function with_(kinds: ReadonlySet<LogKind>, kind: LogKind, is: boolean): ReadonlySet<LogKind> {
  const next = new Set(kinds);
  if (is) next.add(kind);
  else next.delete(kind);
  return next;
}

function nothing(job: Job): string {
  return isLive(job) ? "Nothing was written yet. Lines come here as the run writes them." : "The run wrote nothing.";
}

function textOf(lines: readonly LogLine[]): string {
  return lines.map(({ at, kind, text }) => `${new Date(at * 1000).toISOString()} ${kind} ${text}`).join("\n");
}
