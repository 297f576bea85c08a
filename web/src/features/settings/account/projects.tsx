import { Badge, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { chooseProject, createProject } from "@/api/accounts";
import { messageOf } from "@/api/error";
import type { Project } from "@/api/generated";
import { useSession } from "@/app/session";
import { MembersButton } from "@/features/settings/account/members";
import { Section } from "@/features/settings/section";
import { Ago } from "@/ui/ago";

/** The projects that the person may act in, and making one. */
export function Projects() {
  const session = useSession();
  const client = useQueryClient();
  return (
    <Section
      title="Projects"
      lead="Jobs, data, models and keys belong to a project, and its name stands in the names of its models."
    >
      <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
        {session.projects.map((project) => (
          <Row
            key={project.id}
            project={project}
            chosen={!session.sees_all && project.id === session.project.id}
            onChoose={() => void chooseProject(client, project.name)}
            admin={session.role === "admin"}
            alone={session.projects.length === 1}
          />
        ))}
      </Stack>
      {session.scopes && !session.scopes.includes("manage") ? null : <NewProject />}
    </Section>
  );
}

function Row(props: { project: Project; chosen: boolean; onChoose: () => void; admin: boolean; alone: boolean }) {
  const { project } = props;
  return (
    <Group
      component="li"
      justify="space-between"
      py="xs"
      gap="xs"
      style={{ borderBottom: "1px solid var(--mantine-color-default-border)" }}
    >
      <Group gap="xs" miw={0}>
        <Text fw={600} style={{ overflowWrap: "anywhere" }}>
          {project.name}
        </Text>
        {props.chosen ? <Badge tt="none">Chosen</Badge> : null}
        <Text size="xs" c="dimmed">
          made <Ago at={project.created_at} />
        </Text>
      </Group>
      <Group gap="xs">
        {props.admin ? <MembersButton project={project.name} /> : null}
        {props.chosen || props.alone ? null : (
          <Button variant="subtle" size="compact-sm" onClick={props.onChoose} aria-label={`Work in ${project.name}`}>
            Work in it
          </Button>
        )}
      </Group>
    </Group>
  );
}

function NewProject() {
  const create = useMutation(createProject(useQueryClient()));
  const form = useForm({
    initialValues: { name: "" },
    validate: {
      name: (name) =>
        /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)
          ? null
          : "Lower case letters, digits, dots, dashes and underscores; it begins with a letter or digit.",
    },
  });
  return (
    <form noValidate onSubmit={form.onSubmit(({ name }) => create.mutate(name, { onSuccess: () => form.reset() }))}>
      <Group align="flex-start" gap="sm">
        <TextInput
          label="New project"
          placeholder="support-bot"
          autoComplete="off"
          w={{ base: "100%", xs: 280 }}
          {...form.getInputProps("name")}
          error={form.errors.name ?? (create.error ? messageOf(create.error) : null)}
        />
        <Button type="submit" variant="default" loading={create.isPending} mt={{ base: 0, xs: 22 }}>
          Make it
        </Button>
      </Group>
    </form>
  );
}
