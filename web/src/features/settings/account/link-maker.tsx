import { Alert, Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { makeSignInLink } from "@/api/accounts";
import { messageOf } from "@/api/error";
import { Section } from "@/features/settings/section";
import { Ago } from "@/ui/ago";
import { CopyText } from "@/ui/copy-text";

const LIVES = [
  { value: "900", label: "15 minutes" },
  { value: "86400", label: "a day" },
  { value: "604800", label: "a week" },
];

/** Makes sign-in links: one's own, or for a name. */
export function LinkMaker(props: { title: string; lead: string; action: string; forOthers?: boolean }) {
  const make = useMutation(makeSignInLink);
  const form = useForm({
    initialValues: { user: "", life_s: props.forOthers ? "86400" : "900" },
    validate: {
      user: (user) =>
        !props.forOthers || /^[A-Za-z0-9._-]{1,64}$/.test(user)
          ? null
          : "A name of letters, digits, dots, dashes and underscores.",
    },
  });
  const link = make.data;
  return (
    <Section title={props.title} lead={props.lead}>
      <form
        onSubmit={form.onSubmit(({ user, life_s }) =>
          make.mutate({ user: props.forOthers ? user : null, expires_in_s: Number(life_s) }),
        )}
        noValidate
      >
        <Group align="flex-start" gap="sm">
          {props.forOthers ? (
            <TextInput
              label="Name"
              placeholder="bea"
              autoComplete="off"
              w={{ base: "100%", xs: 220 }}
              {...form.getInputProps("user")}
            />
          ) : null}
          <Select
            label="Can be used for"
            data={LIVES}
            allowDeselect={false}
            w={{ base: "100%", xs: 160 }}
            {...form.getInputProps("life_s")}
          />
          <Button type="submit" variant="default" loading={make.isPending} mt={{ base: 0, xs: 22 }}>
            {props.action}
          </Button>
        </Group>
      </form>
      {make.error ? (
        <Alert color="red" role="alert">
          {messageOf(make.error)}
        </Alert>
      ) : null}
      {link && !make.isPending ? (
        <Stack gap={4} role="status">
          <CopyText text={link.url} what="the link" />
          <Text size="xs" c="dimmed">
            Signs {link.user} in, once. It ends <Ago at={link.expires_at} />. It is not shown again.
          </Text>
        </Stack>
      ) : null}
    </Section>
  );
}
