import { ActionIcon, Group, Menu, Tooltip, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconMoon, IconSun, IconUserCircle } from "@tabler/icons-react";
import { useSession } from "@/app/session";

const SCHEMES = [
  { value: "light", label: "Light", icon: IconSun },
  { value: "dark", label: "Dark", icon: IconMoon },
  { value: "auto", label: "As the system", icon: IconDeviceDesktop },
] as const;

/** Project, search, notifications and account. */
export function TopBar() {
  const session = useSession();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Group gap="xs" wrap="nowrap">
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <Tooltip label={`Signed in as ${session.user}`}>
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Account and appearance">
              <IconUserCircle size={22} />
            </ActionIcon>
          </Tooltip>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            {session.user} in {session.project.name}
          </Menu.Label>
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
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
