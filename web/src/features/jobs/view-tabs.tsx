import { ActionIcon, Button, Group, Popover, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBookmarkPlus, IconX } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import type { JobCounts } from "@/api/generated";
import { EVERYTHING, type Filters, sameFilters } from "@/features/jobs/filters";
import type { View } from "@/features/jobs/views";
import { count } from "@/lib/format";

/** The views by name; the one that is looked at stands out, and what no view holds yet can be saved as one. */
export function ViewTabs(props: {
  views: View[];
  own: View[];
  current: View | null;
  counts: JobCounts | undefined;
  filters: Filters;
  onOpen: (view: View) => void;
  onSave: (name: string) => void;
  onForget: (view: View) => void;
}) {
  const { views, own, current } = props;
  return (
    <Group gap={4} role="group" aria-label="Views">
      {views.map((view) => (
        <Group key={`${own.includes(view)} ${view.name}`} gap={0} wrap="nowrap">
          <Button
            size="compact-sm"
            variant={view === current ? "light" : "subtle"}
            color={view === current ? "teal" : "gray"}
            aria-pressed={view === current}
            onClick={() => props.onOpen(view)}
            rightSection={<Tally view={view} filters={props.filters} counts={props.counts} />}
          >
            {view.name}
          </Button>
          {own.includes(view) && view === current ? (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={`Forget the view ${view.name}`}
              onClick={() => props.onForget(view)}
            >
              <IconX size={14} aria-hidden />
            </ActionIcon>
          ) : null}
        </Group>
      ))}
      <SaveView onSave={props.onSave} />
    </Group>
  );
}

/** How many jobs the view holds, where the counts of what is looked at can tell. */
function Tally(props: { view: View; filters: Filters; counts: JobCounts | undefined }) {
  const { view, filters, counts } = props;
  const rest = { ...filters, statuses: [], sort: EVERYTHING.sort };
  if (!counts || !sameFilters({ ...view.filters, statuses: [], sort: EVERYTHING.sort }, rest)) return null;
  const { statuses } = view.filters;
  const n = statuses.length ? statuses.reduce((sum, one) => sum + (counts.by_status[one] ?? 0), 0) : counts.total;
  return (
    <Text span size="xs" c="dimmed">
      {count(n)}
    </Text>
  );
}

function SaveView(props: { onSave: (name: string) => void }) {
  const [open, { toggle, close }] = useDisclosure(false);
  const [name, setName] = useState("");
  function save(event: FormEvent) {
    event.preventDefault();
    if (!name.trim()) return;
    props.onSave(name.trim());
    setName("");
    close();
  }
  return (
    <Popover opened={open} onChange={toggle} position="bottom-start" trapFocus withRoles>
      <Popover.Target>
        <Button
          size="compact-sm"
          variant="subtle"
          color="gray"
          leftSection={<IconBookmarkPlus size={16} aria-hidden />}
          onClick={toggle}
        >
          Save view
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form onSubmit={save}>
          <Group align="flex-end" gap="xs">
            <TextInput
              label="Name of the view"
              description="Keeps these filters, this order and these columns in this browser"
              value={name}
              maxLength={40}
              onChange={(event) => setName(event.currentTarget.value)}
              data-autofocus
            />
            <Button type="submit" disabled={!name.trim()}>
              Save
            </Button>
          </Group>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
