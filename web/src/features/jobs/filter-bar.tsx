import { Autocomplete, Button, CloseButton, Group, MultiSelect, Select, Stack, TextInput } from "@mantine/core";
import { useDebouncedCallback, useDisclosure } from "@mantine/hooks";
import { IconFilter, IconSearch } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { JobCounts, JobStatus, Task } from "@/api/generated";
import { type Filters, STATUSES, TASK_WORDS, TASKS } from "@/features/jobs/filters";
import { count } from "@/lib/format";
import { stateLabel } from "@/ui/state-badge";

const TYPING_MS = 250;

type Props = { filters: Filters; onChange: (change: Partial<Filters>) => void };

/** What narrows the list: in one line where there is room, else folded behind the search. */
export function FilterBar(
  props: Props & {
    counts: JobCounts | undefined;
    projects: string[] | null;
    owners: string[];
    folded: boolean;
    children: ReactNode;
  },
) {
  const { filters, onChange, folded, children } = props;
  const [open, { toggle }] = useDisclosure(false);
  const chosen = [filters.statuses.length > 0, filters.task, filters.project, filters.owner].filter(Boolean).length;
  if (!folded) {
    return (
      <Group gap="xs">
        <Search filters={filters} onChange={onChange} />
        <Choices {...props} />
        {children}
      </Group>
    );
  }
  return (
    <Stack gap="xs">
      <Search filters={filters} onChange={onChange} />
      <Group gap="xs">
        <Button
          variant="default"
          leftSection={<IconFilter size={16} aria-hidden />}
          onClick={toggle}
          aria-expanded={open}
        >
          {chosen > 0 ? `Filters (${chosen})` : "Filters"}
        </Button>
        {children}
      </Group>
      {open ? <Choices {...props} /> : null}
    </Stack>
  );
}

function Choices(
  props: Props & { counts: JobCounts | undefined; projects: string[] | null; owners: string[]; folded: boolean },
) {
  const { filters, onChange, counts, projects, owners, folded } = props;
  return (
    <>
      <MultiSelect
        aria-label="States"
        placeholder={filters.statuses.length ? undefined : "Any state"}
        w={folded ? "100%" : 216}
        clearable
        data={STATUSES.map((value) => ({ value, label: stateLabel(value) }))}
        renderOption={({ option }) => withCount(option.label, counts?.by_status[option.value as JobStatus])}
        value={filters.statuses}
        onChange={(wanted) => onChange({ statuses: STATUSES.filter((status) => wanted.includes(status)) })}
      />
      <Select
        aria-label="Task"
        placeholder="Any task"
        w={folded ? "100%" : 144}
        clearable
        data={TASKS.map((value) => ({ value, label: TASK_WORDS[value] }))}
        value={filters.task}
        onChange={(task) => onChange({ task: task as Task | null })}
      />
      {projects ? (
        <Select
          aria-label="Project"
          placeholder="Any project"
          w={folded ? "100%" : 140}
          clearable
          searchable
          data={projects}
          value={filters.project}
          onChange={(project) => onChange({ project })}
        />
      ) : null}
      <Owner filters={filters} onChange={onChange} owners={owners} folded={folded} />
    </>
  );
}

function withCount(label: string, n: number | undefined): string {
  return n === undefined ? label : `${label} (${count(n)})`;
}

/** What is typed, told once the typing rests; another address (back, a view) changes it from outside. */
function useTyped(value: string, onRest: (value: string) => void): [string, (value: string, now?: boolean) => void] {
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  const rested = useDebouncedCallback((next: string) => tell(next), TYPING_MS);
  useEffect(() => {
    if (value === told.current) return; // Its own echo: what was typed since then stays.
    told.current = value;
    rested.cancel();
    setTyped(value);
  }, [value, rested]);

  function tell(next: string): void {
    told.current = next.trim();
    onRest(next);
  }

  function type(next: string, now = false): void {
    setTyped(next);
    rested.cancel();
    if (now) tell(next);
    else rested(next);
  }
  return [typed, type];
}

function Search({ filters, onChange }: Props) {
  const [typed, type] = useTyped(filters.search, (search) => onChange({ search }));
  return (
    <TextInput
      aria-label="Search jobs"
      placeholder="Search name, model or id"
      w={{ base: "100%", xs: 230 }}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={typed}
      onChange={(event) => type(event.currentTarget.value)}
      rightSection={
        typed ? <CloseButton size="sm" aria-label="Clear the search" onClick={() => type("", true)} /> : null
      }
    />
  );
}

function Owner({ filters, onChange, owners, folded }: Props & { owners: string[]; folded: boolean }) {
  const [typed, type] = useTyped(filters.owner ?? "", (owner) => onChange({ owner: owner.trim() || null }));
  return (
    <Autocomplete
      aria-label="Owner"
      placeholder="Any owner"
      w={folded ? "100%" : 130}
      clearable
      data={owners}
      value={typed}
      onChange={(value) => type(value, value === "")}
    />
  );
}
