import { Anchor, Collapse, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { JobEstimate, ResolvedHyperparameters } from "@/api/generated";
import { type Draft, type Setting, taskOf } from "@/features/tune/draft";
import { FieldRow } from "@/features/tune/settings/field-row";
import { concerns, type Field, GROUPS, HYPERPARAMETERS, JOB_FIELDS, LABELS } from "@/features/tune/settings/fields";
import { counted } from "@/lib/format";
import { FoldButton } from "@/ui/fold-button";

/** Everything the trainer takes, in groups, folded; each with what holds now and why. */
export function Advanced(props: {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  estimate: JobEstimate | null;
  refusals: Record<string, string>;
}) {
  const { draft, set, estimate } = props;
  const names = Object.keys(draft.hyperparameters);
  const refused = Object.keys(props.refusals).some((name) => name in HYPERPARAMETERS || name === "seed");
  const [open, { toggle }] = useDisclosure(names.some((name) => name !== "n_epochs"));
  const about = { task: taskOf(draft), adaptation: estimate?.adaptation ?? draft.adaptation, method: draft.method };
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <FoldButton label="Advanced" open={open || refused} onToggle={toggle} />
        {names.length || draft.seed !== null ? (
          <Group gap="xs">
            <Text size="sm" c="dimmed">
              {counted(names.length + Number(draft.seed !== null), "setting differs", "settings differ")} from the
              default
            </Text>
            <Anchor component="button" type="button" size="sm" onClick={() => set({ hyperparameters: {}, seed: null })}>
              Reset all
            </Anchor>
          </Group>
        ) : null}
      </Group>
      <Collapse expanded={open || refused}>
        <Stack gap="xl">
          {GROUPS.map((group) => {
            const fields = group.fields.filter((name) => concerns(name, about));
            if (!fields.length) return null;
            return (
              <Stack key={group.id} gap="sm">
                <Title order={3}>{group.title}</Title>
                <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg" verticalSpacing="md">
                  {fields.map((name) => (
                    <Hyperparameter key={name} name={name} {...props} />
                  ))}
                  {group.id === "learning" ? <Seed {...props} /> : null}
                </SimpleGrid>
              </Stack>
            );
          })}
        </Stack>
      </Collapse>
    </Stack>
  );
}

interface RowProps {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  estimate: JobEstimate | null;
  refusals: Record<string, string>;
}

function Hyperparameter(props: RowProps & { name: string }) {
  const { draft, set, estimate, name } = props;
  const key = name as keyof ResolvedHyperparameters;
  return (
    <FieldRow
      name={name}
      label={LABELS[name] ?? name}
      field={HYPERPARAMETERS[name] as Field}
      value={draft.hyperparameters[name]}
      resolved={estimate?.hyperparameters[key]}
      usual={estimate?.defaults[key]}
      reason={estimate?.reasons[name]}
      refusal={props.refusals[name]}
      change={(value) => set({ hyperparameters: withSetting(draft.hyperparameters, name, value) })}
    />
  );
}

function Seed(props: RowProps) {
  return (
    <FieldRow
      name="seed"
      label="Seed"
      field={{
        ...(JOB_FIELDS.seed as Field),
        help: "Where chance begins: the split, the order, the adapter's first numbers.",
      }}
      value={props.draft.seed ?? undefined}
      resolved="drawn"
      usual="drawn"
      reason="Drawn for each job and kept with it. The same seed and data give the same run."
      refusal={props.refusals.seed}
      change={(value) => props.set({ seed: typeof value === "number" ? value : null })}
    />
  );
}

/** The settings with one changed, or taken back when the value is undefined. */
export function withSetting(
  settings: Record<string, Setting>,
  name: string,
  value: Setting | undefined,
): Record<string, Setting> {
  const { [name]: _, ...others } = settings;
  return value === undefined ? others : { ...others, [name]: value };
}
