import { Alert, Button, Checkbox, Group, Radio, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { createKey } from "@/api/accounts";
import { messageOf } from "@/api/error";
import type { CreatedKey, KeyKind, Scope } from "@/api/generated";
import { useSession } from "@/app/session";
import { KINDS, SCOPES } from "@/features/settings/keys/key-words";

const DAY_S = 24 * 3600;
const ENDS = [
  { value: "0", label: "Never" },
  { value: String(7 * DAY_S), label: "In 7 days" },
  { value: String(30 * DAY_S), label: "In 30 days" },
  { value: String(90 * DAY_S), label: "In 90 days" },
  { value: String(365 * DAY_S), label: "In a year" },
];

type Wanted = {
  name: string;
  kind: KeyKind;
  user: string;
  rights: "all" | "some";
  scopes: Scope[];
  ends: string;
};

/** What the key is for, what it may do, and when it ends. */
export function KeyForm(props: { onCreated: (created: CreatedKey) => void }) {
  const session = useSession();
  const admin = session.role === "admin";
  const granted = session.scopes ?? SCOPES.map(({ value }) => value);
  const create = useMutation(createKey(useQueryClient()));
  const form = useForm<Wanted>({
    initialValues: {
      name: "",
      kind: "user",
      user: "",
      rights: session.scopes ? "some" : "all",
      scopes: granted.filter((scope) => scope === "read" || scope === "infer"),
      ends: "0",
    },
    validate: {
      name: (name) => (name.trim() ? null : "Name what the key is for, so that you know what stops without it."),
      user: (user) => (/^[A-Za-z0-9._-]{0,64}$/.test(user) ? null : "Letters, digits, dots, dashes and underscores."),
      scopes: (scopes, { rights, kind }) =>
        rights === "some" && kind !== "worker" && scopes.length === 0 ? "Choose at least one right." : null,
    },
  });
  const { kind, rights, ends } = form.values;

  function submit(wanted: Wanted) {
    create.mutate(
      {
        name: wanted.name.trim(),
        kind: wanted.kind,
        user: wanted.user || null,
        scopes: wanted.rights === "some" && wanted.kind !== "worker" ? wanted.scopes : null,
        expires_in_s: Number(ends) || null,
      },
      { onSuccess: props.onCreated },
    );
  }

  return (
    <form onSubmit={form.onSubmit(submit)} noValidate>
      <Stack gap="md">
        <TextInput
          label="Name"
          description="What it is for."
          placeholder="Support bot, notebook, worker in the office"
          maxLength={64}
          data-autofocus
          {...form.getInputProps("name")}
        />
        {admin ? (
          <Group align="flex-start" grow preventGrowOverflow={false}>
            <Select
              label="Kind"
              description={KINDS.find(({ value }) => value === kind)?.means}
              data={KINDS.map(({ value, label }) => ({ value, label }))}
              allowDeselect={false}
              {...form.getInputProps("kind")}
            />
            <TextInput
              label="For somebody else"
              description="A user's name, made if new. Empty: for you."
              placeholder={session.user}
              {...form.getInputProps("user")}
            />
          </Group>
        ) : null}
        {kind === "worker" ? null : (
          <Radio.Group label="Rights" {...form.getInputProps("rights")}>
            <Stack gap="xs" mt={4}>
              {session.scopes ? null : <Radio value="all" label="All that its kind may" />}
              <Radio value="some" label="Only some" />
            </Stack>
          </Radio.Group>
        )}
        {kind !== "worker" && rights === "some" ? (
          <Checkbox.Group {...form.getInputProps("scopes")} aria-label="Rights of the key">
            <Stack gap="xs" pl={28}>
              {SCOPES.filter(({ value }) => granted.includes(value)).map(({ value, label, means }) => (
                <Checkbox key={value} value={value} label={label} description={means} />
              ))}
            </Stack>
          </Checkbox.Group>
        ) : null}
        <Select label="Ends" data={ENDS} allowDeselect={false} {...form.getInputProps("ends")} />
        {create.error ? (
          <Alert color="red" role="alert">
            {messageOf(create.error)}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button type="submit" loading={create.isPending}>
            Create the key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
