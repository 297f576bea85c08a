import { Group, SegmentedControl, Select, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { BaseModelEntry, Task } from "@/api/generated";
import { catalogue } from "@/api/server";
import { BaseModelList } from "@/features/settings/catalogue/base-model-list";
import { matching, TASKS } from "@/features/settings/catalogue/filter";
import { Section } from "@/features/settings/section";
import { counted } from "@/lib/format";
import { usePhone } from "@/lib/use-phone";
import { EmptyState } from "@/ui/empty-state";
import { Loaded } from "@/ui/loaded";

/** The base models that can be tuned here. */
export function CatalogueTab() {
  return (
    <Section
      title="Base models"
      lead="What can be tuned here. Whoever runs the server adds others in one YAML file: the setting TUNESMITH_CATALOG."
    >
      <Loaded query={useQuery(catalogue())} what="The catalogue" skeleton={<Skeleton h={420} />}>
        {({ data }) => <Searched entries={data} />}
      </Loaded>
    </Section>
  );
}

function Searched(props: { entries: BaseModelEntry[] }) {
  const [task, setTask] = useState<Task | null>(null);
  const [search, setSearch] = useState("");
  const found = matching(props.entries, task, search);
  return (
    <Stack gap="md">
      <Group gap="sm">
        <TextInput
          type="search"
          aria-label="Search base models"
          placeholder="Name, licence, language"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          w={{ base: "100%", sm: 280 }}
        />
        <TaskChoice task={task} onChange={setTask} />
        <Text c="dimmed" role="status">
          {counted(found.length, "base model")}
        </Text>
      </Group>
      {found.length ? (
        <BaseModelList entries={found} />
      ) : (
        <EmptyState title="No base model like that" text="Try fewer words, or another task." />
      )}
    </Stack>
  );
}

function TaskChoice(props: { task: Task | null; onChange: (task: Task | null) => void }) {
  const choose = (value: string | null) => props.onChange(TASKS.find((known) => known.value === value)?.value ?? null);
  const data = [{ value: "all", label: "All tasks" }, ...TASKS];
  const value = props.task ?? "all";
  return usePhone() ? (
    <Select aria-label="Task" data={data} value={value} onChange={choose} allowDeselect={false} w="100%" />
  ) : (
    <SegmentedControl aria-label="Task" data={data} value={value} onChange={choose} />
  );
}
