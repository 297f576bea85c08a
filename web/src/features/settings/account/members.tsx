import { Badge, Button, Group, Modal, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { IconUsers } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { addMember, memberList, removeMember } from "@/api/accounts";
import { messageOf } from "@/api/error";
import { Loaded } from "@/ui/loaded";

/** Who may act in a project; for admins. */
export function MembersButton(props: { project: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        leftSection={<IconUsers size={16} aria-hidden />}
        onClick={open}
        aria-label={`People in ${props.project}`}
      >
        People
      </Button>
      <Modal opened={opened} onClose={close} title={`People in ${props.project}`}>
        <Members project={props.project} />
      </Modal>
    </>
  );
}

function Members(props: { project: string }) {
  const client = useQueryClient();
  const members = useQuery(memberList(props.project));
  const remove = useMutation(removeMember(client, props.project));
  const add = useMutation(addMember(client, props.project));
  const form = useForm({
    initialValues: { user: "" },
    validate: { user: (user) => (user.trim() ? null : "Whom? Write the name they sign in with.") },
  });
  return (
    <Stack gap="md">
      <Loaded query={members} what="The people" skeleton={<Skeleton h={72} />}>
        {({ data }) =>
          data.length === 0 ? (
            <Text c="dimmed">Nobody but admins yet.</Text>
          ) : (
            <Stack gap={4} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
              {data.map(({ user, own }) => (
                <Group key={user} component="li" justify="space-between" wrap="nowrap">
                  <Group gap="xs" miw={0}>
                    <Text style={{ overflowWrap: "anywhere" }}>{user}</Text>
                    {own ? (
                      <Badge color="gray" tt="none">
                        Their own project
                      </Badge>
                    ) : null}
                  </Group>
                  {own ? null : (
                    <Button
                      variant="subtle"
                      color="red"
                      size="compact-sm"
                      loading={remove.isPending && remove.variables === user}
                      onClick={() => remove.mutate(user)}
                      aria-label={`Remove ${user}`}
                    >
                      Remove
                    </Button>
                  )}
                </Group>
              ))}
            </Stack>
          )
        }
      </Loaded>
      {remove.error ? (
        <Text c="red" role="alert">
          {messageOf(remove.error)}
        </Text>
      ) : null}
      <form
        noValidate
        onSubmit={form.onSubmit(({ user }) => add.mutate(user.trim(), { onSuccess: () => form.reset() }))}
      >
        <Group align="flex-start" gap="sm" wrap="nowrap">
          <TextInput
            label="Add a person"
            description="Somebody who was invited before."
            placeholder="bea"
            autoComplete="off"
            style={{ flexGrow: 1 }}
            {...form.getInputProps("user")}
            error={form.errors.user ?? (add.error ? messageOf(add.error) : null)}
          />
          <Button type="submit" variant="default" loading={add.isPending} mt={46}>
            Add
          </Button>
        </Group>
      </form>
      <Text size="xs" c="dimmed">
        Who is removed keeps no access by the page; keys that they made here work until they are revoked.
      </Text>
    </Stack>
  );
}
