import { ActionIcon, Badge, Group, NumberInput, Select, Text, TextInput, Tooltip } from "@mantine/core";
import { IconRestore } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import type { Setting } from "@/features/tune/draft";
import { type Field, faultOf, shown } from "@/features/tune/settings/fields";
import { Term } from "@/ui/term";

interface Props {
  name: string;
  label: string;
  field: Field;
  /** What was asked for; undefined: the default holds. */
  value: Setting | undefined;
  /** What the run would use. */
  resolved: unknown;
  /** What it would use if nothing had been asked for. */
  usual: unknown;
  reason: string | undefined;
  /** The server's refusal of this field. */
  refusal: string | undefined;
  change: (value: Setting | undefined) => void;
}

/** One setting: what holds now, why, and whether it is the default. */
export function FieldRow(props: Props) {
  const { label, field, value } = props;
  const [left, setLeft] = useState(false);
  const changed = value !== undefined && JSON.stringify(value) !== JSON.stringify(props.usual);
  const fault = value !== undefined && left ? faultOf(field, value) : null;
  return (
    <div>
      <Group gap="xs" mb={4} justify="space-between" wrap="nowrap" mih={22}>
        <Text size="sm" fw={500} id={`label-${props.name}`}>
          {field.help ? <Term means={field.help}>{label}</Term> : label}
        </Text>
        {changed ? <Changed {...props} /> : null}
      </Group>
      <Control {...props} error={fault ?? props.refusal} leave={() => setLeft(true)} />
      <Text size="xs" c="dimmed" mt={4}>
        {props.reason}
      </Text>
    </div>
  );
}

function Changed(props: Props) {
  return (
    <Group gap={4} wrap="nowrap">
      <Badge variant="light" tt="none" fw={500}>
        Changed, default {shown(props.usual)}
      </Badge>
      <Tooltip label="Back to the default">
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={`Back to the default of ${props.label.toLowerCase()}`}
          onClick={() => props.change(undefined)}
        >
          <IconRestore size={14} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

interface ControlProps extends Props {
  error: string | undefined;
  /** Errors are told once the field was left. */
  leave: () => void;
}

function Control(props: ControlProps) {
  const { field } = props;
  if (field.type === "array") return <ListControl {...props} />;
  if (field.type === "boolean" || field.choices) return <ChoiceControl {...props} />;
  return <NumberControl {...props} />;
}

const DEFAULT = "default";

function ChoiceControl(props: ControlProps) {
  const { field, value } = props;
  const values = field.choices ?? ["true", "false"];
  const data = [
    { value: DEFAULT, label: `Default (${shown(props.usual)})` },
    ...values.map((each) => ({ value: each, label: field.choices ? shown(each) : each === "true" ? "on" : "off" })),
  ];
  const pick = (chosen: string | null) => {
    if (chosen === null || chosen === DEFAULT) props.change(undefined);
    else props.change(field.choices ? chosen : chosen === "true");
  };
  return (
    <Select
      aria-labelledby={`label-${props.name}`}
      data={data}
      value={value === undefined ? DEFAULT : String(value)}
      onChange={pick}
      error={props.error}
      allowDeselect={false}
    />
  );
}

function NumberControl(props: ControlProps) {
  const { field, value } = props;
  const [typed, setTyped] = useState<string | number>(typeof value === "number" ? value : "");
  useEffect(() => setTyped(typeof value === "number" ? value : ""), [value]);
  return (
    <NumberInput
      aria-labelledby={`label-${props.name}`}
      value={typed}
      placeholder={shown(props.resolved)}
      allowDecimal={field.type === "number"}
      allowNegative={(field.min ?? field.above ?? -1) < 0}
      step={field.type === "integer" ? 1 : stepOf(props.resolved)}
      hideControls={field.type === "number"}
      clampBehavior="none"
      error={props.error}
      onBlur={props.leave}
      onChange={(now) => {
        setTyped(now);
        if (now === "") props.change(undefined);
        // "0." and "0.00" are on the way to a number.
        else if (typeof now === "number") props.change(now);
      }}
    />
  );
}

function stepOf(resolved: unknown): number {
  return typeof resolved === "number" && resolved > 0 ? 10 ** Math.floor(Math.log10(resolved)) : 0.1;
}

function ListControl(props: ControlProps) {
  const { value } = props;
  const [typed, setTyped] = useState(Array.isArray(value) ? value.join(", ") : "");
  useEffect(() => {
    if (value === undefined) setTyped("");
  }, [value]);
  const read = () => {
    const numbers = typed
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(Number);
    props.change(numbers.length ? numbers : undefined);
    props.leave();
  };
  return (
    <TextInput
      aria-labelledby={`label-${props.name}`}
      value={typed}
      placeholder={shown(props.resolved)}
      error={props.error}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={read}
    />
  );
}
