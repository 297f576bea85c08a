import { ActionIcon, Group, Menu, Text, Tooltip, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconFolder, IconMoon, IconSun, IconUserCircle } from "@tabler/icons-react";
import { Bell } from "@/app/bell";
import { PaletteButton } from "@/app/palette/palette-button";
import { ProjectItems, useProjectName } from "@/app/project-switcher";
import { useSession } from "@/app/session";
import { SignOutItem } from "@/app/sign-out";

const SCHEMES = [
  { value: "light", label: "Light", icon: IconSun },
  { value: "dark", label: "Dark", icon: IconMoon },
  { value: "auto", label: "As the system", icon: IconDeviceDesktop },
] as const;

/** Search, project, notifications and account. */
export function TopBar() {
  const project = useProjectName();
  return (
    <Group gap="xs" wrap="nowrap" miw={0}>
      <PaletteButton />
      <Group gap={6} wrap="nowrap" miw={0} c="dimmed" visibleFrom="sm" px="xs" title={`Project: ${project}`}>
        <IconFolder size={16} aria-hidden style={{ flexShrink: 0 }} />
        <Text size="sm" truncate maw={180}>
          <span className="visually-hidden">Project: </span>
          {project}
        </Text>
      </Group>
      <Bell />
      <AccountMenu project={project} />
    </Group>
  );
}

function AccountMenu(props: { project: string }) {
  const session = useSession();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <Tooltip label={`Signed in as ${session.user}`}>
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Account and appearance">
            <IconUserCircle size={22} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.user} in {props.project}
        </Menu.Label>
        <ProjectItems />
        <Menu.Divider />
        <Menu.Label>Appearance</Menu.Label>
        {SCHEMES.map(({ value, label, icon: SchemeIcon }) => (
          <Menu.Item
            key={value}
            leftSection={<SchemeIcon size={16} aria-hidden />}
            onClick={() => setColorScheme(value)}
            aria-current={colorScheme === value}
            fw={colorScheme === value ? 600 : 400}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <SignOutItem />
      </Menu.Dropdown>
    </Menu>
  );
}
