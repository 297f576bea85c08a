import { ActionIcon, Button, Checkbox, Group, Popover, Stack, Text } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconColumns } from "@tabler/icons-react";
import { ALL_COLUMNS, COLUMNS, type ColumnId, moved, toggled, USUAL_COLUMNS } from "@/features/jobs/column-names";

/** Which facts are shown, and in which order. */
export function ColumnsMenu(props: { columns: ColumnId[]; onChange: (columns: ColumnId[]) => void }) {
  const { columns, onChange } = props;
  const hidden = ALL_COLUMNS.filter((id) => !columns.includes(id));
  return (
    <Popover position="bottom-end" width={280} trapFocus withRoles>
      <Popover.Target>
        <Button variant="default" leftSection={<IconColumns size={16} aria-hidden />}>
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown mah="70vh" style={{ overflowY: "auto" }}>
        <Stack gap={4}>
          {columns.map((id, i) => (
            <Group key={id} justify="space-between" wrap="nowrap" h={28}>
              <Choice id={id} columns={columns} onChange={onChange} />
              <Group gap={2} wrap="nowrap">
                <Move id={id} by={-1} atEnd={i === 0} columns={columns} onChange={onChange} />
                <Move id={id} by={1} atEnd={i === columns.length - 1} columns={columns} onChange={onChange} />
              </Group>
            </Group>
          ))}
          {hidden.length ? (
            <Text size="xs" c="dimmed" mt="xs">
              Not shown
            </Text>
          ) : null}
          {hidden.map((id) => (
            <Group key={id} h={28}>
              <Choice id={id} columns={columns} onChange={onChange} />
            </Group>
          ))}
          <Button variant="subtle" size="compact-sm" mt="xs" onClick={() => onChange(USUAL_COLUMNS)}>
            Back to the usual columns
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

type Change = { id: ColumnId; columns: ColumnId[]; onChange: (columns: ColumnId[]) => void };

function Choice(props: Change) {
  const { id, columns, onChange } = props;
  return (
    <Checkbox
      size="xs"
      label={COLUMNS[id]}
      checked={columns.includes(id)}
      disabled={id === "name"}
      onChange={() => onChange(toggled(columns, id))}
    />
  );
}

function Move(props: Change & { by: -1 | 1; atEnd: boolean }) {
  const { id, by, atEnd, columns, onChange } = props;
  const Arrow = by < 0 ? IconArrowUp : IconArrowDown;
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="sm"
      disabled={atEnd}
      aria-label={`Move ${COLUMNS[id]} ${by < 0 ? "towards the start" : "towards the end"}`}
      onClick={() => onChange(moved(columns, id, by))}
    >
      <Arrow size={14} aria-hidden />
    </ActionIcon>
  );
}
