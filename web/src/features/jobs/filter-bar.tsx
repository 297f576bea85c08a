import { Autocomplete, CloseButton, Group, MultiSelect, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import type { JobCounts, Task } from "@/api/generated";
import { type Filters, STATUSES, TASK_WORDS, TASKS } from "@/features/jobs/filters";
import { count } from "@/lib/format";
import { stateLabel } from "@/ui/state-badge";

const TYPING_MS = 250;

type Props = { filters: Filters; onChange: (change: Partial<Filters>) => void };

/** What narrows the list, in one line where there is room for it. */
export function FilterBar(
  props: Props & { counts: JobCounts | undefined; projects: string[] | null; owners: string[]; children: ReactNode },
) {
  const { filters, onChange, counts, projects, owners } = props;
  return (
    <Group gap="xs" align="center">
      <Search filters={filters} onChange={onChange} />
      <MultiSelect
        aria-label="States"
        placeholder={filters.statuses.length ? undefined : "Any state"}
        w={{ base: "100%", xs: 190 }}
        clearable
        data={STATUSES.map((value) => ({ value, label: withCount(stateLabel(value), counts?.by_status[value]) }))}
        value={filters.statuses}
        onChange={(wanted) => onChange({ statuses: STATUSES.filter((status) => wanted.includes(status)) })}
      />
      <Select
        aria-label="Task"
        placeholder="Any task"
        w={{ base: "100%", xs: 150 }}
        clearable
        data={TASKS.map((value) => ({ value, label: TASK_WORDS[value] }))}
        value={filters.task}
        onChange={(task) => onChange({ task: task as Task | null })}
      />
      {projects ? (
        <Select
          aria-label="Project"
          placeholder="Any project"
          w={{ base: "100%", xs: 140 }}
          clearable
          searchable
          data={projects}
          value={filters.project}
          onChange={(project) => onChange({ project })}
        />
      ) : null}
      <Owner filters={filters} onChange={onChange} owners={owners} />
      {props.children}
    </Group>
  );
}

function withCount(label: string, n: number | undefined): string {
  return n === undefined ? label : `${label} (${count(n)})`;
}

/** What is typed, told once the typing rests; another address (back, a view) changes it from outside. */
function useTyped(value: string, onRest: (value: string) => void): [string, (value: string, now?: boolean) => void] {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const rested = useDebouncedCallback(onRest, TYPING_MS);
  return [
    typed,
    (next, now = false) => {
      setTyped(next);
      if (now) onRest(next);
      else rested(next);
    },
  ];
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

function Owner({ filters, onChange, owners }: Props & { owners: string[] }) {
  const [typed, type] = useTyped(filters.owner ?? "", (owner) => onChange({ owner: owner.trim() || null }));
  return (
    <Autocomplete
      aria-label="Owner"
      placeholder="Any owner"
      w={{ base: "100%", xs: 130 }}
      clearable
      data={owners}
      value={typed}
      onChange={(value) => type(value, value === "")}
    />
  );
}
