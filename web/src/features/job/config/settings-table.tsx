import { Card, Table, Text } from "@mantine/core";
import type { JobConfig } from "@/api/generated";
import { SettingName } from "@/features/job/config/setting-name";
import { settingsOf } from "@/features/job/config/settings";

/** Each setting: what was asked, and what the run used. */
export function SettingsTable(props: { config: JobConfig }) {
  return (
    <Card>
      <Table layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Setting</Table.Th>
            <Table.Th>Asked</Table.Th>
            <Table.Th>Used</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {settingsOf(props.config).map(({ name, asked, used }) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" fw={500} style={{ overflowWrap: "anywhere" }}>
                <SettingName name={name} />
              </Table.Th>
              <Table.Td style={{ overflowWrap: "anywhere" }}>
                {asked ?? (
                  <Text span inherit c="dimmed">
                    by default
                  </Text>
                )}
              </Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>
                {used ??
                  (asked === null ? (
                    ""
                  ) : (
                    <Text span inherit c="dimmed">
                      as asked
                    </Text>
                  ))}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}
