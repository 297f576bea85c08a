import { Menu, Text } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { chooseProject } from "@/api/accounts";
import { useSession } from "@/app/session";

/** The projects that requests may be about, for a menu; nothing for who has one alone. */
export function ProjectItems() {
  const session = useSession();
  const client = useQueryClient();
  if (session.projects.length < 2) return null;
  const admin = session.role === "admin";
  return (
    <>
      <Menu.Label>Project</Menu.Label>
      {admin ? (
        <Item chosen={session.sees_all} onChoose={() => chooseProject(client, null)}>
          All projects
        </Item>
      ) : null}
      {session.projects.map((project) => (
        <Item
          key={project.id}
          chosen={!session.sees_all && project.id === session.project.id}
          onChoose={() => chooseProject(client, project.name)}
        >
          {project.name}
        </Item>
      ))}
    </>
  );
}

/** What requests are about now, in a word. */
export function useProjectName(): string {
  const session = useSession();
  return session.sees_all && session.projects.length > 1 ? "All projects" : session.project.name;
}

function Item(props: { chosen: boolean; onChoose: () => void; children: string }) {
  return (
    <Menu.Item
      onClick={props.onChoose}
      aria-current={props.chosen}
      rightSection={props.chosen ? <IconCheck size={16} aria-hidden /> : undefined}
    >
      <Text inherit truncate fw={props.chosen ? 600 : 400}>
        {props.children}
      </Text>
    </Menu.Item>
  );
}
