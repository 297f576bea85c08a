import { Badge, Button, Group, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconDatabase, IconSearch } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { datasetsQuery } from "@/api/datasets";
import type { Dataset } from "@/api/generated";
import { type Goal, kindsOf } from "@/features/tune/draft";
import classes from "@/features/tune/examples/pick-tab.module.css";
import { kindPlural } from "@/features/tune/examples/words";
import { count } from "@/lib/format";
import { Ago } from "@/ui/ago";
import { EmptyState } from "@/ui/empty-state";
import { ErrorState } from "@/ui/error-state";

/** The data sets of the project, by name; those that fit the goal are marked. */
export function PickTab(props: { goal: Goal; onPick: (dataset: Dataset) => void; onUpload: () => void }) {
  const [typed, setTyped] = useState("");
  const [search] = useDebouncedValue(typed.trim(), 250);
  const query = useInfiniteQuery({ ...datasetsQuery(search), placeholderData: keepPreviousData });
  const found = query.data?.pages.flatMap((page) => page.data) ?? [];
  if (query.error && !query.data)
    return <ErrorState error={query.error} what="Data sets could not be loaded" onRetry={() => void query.refetch()} />;
  if (query.data && !search && found.length === 0)
    return (
      <EmptyState
        title="No data set yet"
        text="Every file that you upload becomes one, with versions. It will stand here for the next model."
        icon={<IconDatabase size={32} stroke={1.4} aria-hidden />}
        action={<Button onClick={props.onUpload}>Upload a file</Button>}
      />
    );
  return (
    <Stack gap="xs" mih={168}>
      <TextInput
        aria-label="Search data sets"
        placeholder="Search by name"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        maw={420}
      />
      <ul className={classes.list} aria-busy={query.isFetching}>
        {found.map((dataset) => (
          <li key={dataset.id}>
            <Row dataset={dataset} goal={props.goal} onPick={() => props.onPick(dataset)} />
          </li>
        ))}
      </ul>
      {query.data && found.length === 0 ? <Text c="dimmed">No data set is called “{search}”.</Text> : null}
      {query.hasNextPage ? (
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
          style={{ alignSelf: "flex-start" }}
        >
          Show more
        </Button>
      ) : null}
    </Stack>
  );
}

function Row(props: { dataset: Dataset; goal: Goal; onPick: () => void }) {
  const { newest, name, n_versions, updated_at } = props.dataset;
  const fits = newest.kind && kindsOf(props.goal).includes(newest.kind);
  return (
    <UnstyledButton className={classes.row} onClick={props.onPick}>
      <Stack gap={2} miw={0}>
        <Text fw={600} style={{ overflowWrap: "anywhere" }}>
          {name}
        </Text>
        <Text size="xs" c="dimmed">
          {newest.kind ? `${count(newest.n_records)} ${kindPlural(newest.kind)}` : "Its columns are not known yet"},
          version {n_versions}, <Ago at={updated_at} />
        </Text>
      </Stack>
      <Group gap={6}>
        {fits ? (
          <Badge variant="light" tt="none">
            fits the goal
          </Badge>
        ) : null}
      </Group>
    </UnstyledButton>
  );
}
