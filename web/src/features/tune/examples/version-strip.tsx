import { Anchor, Button, Group, Menu, Text } from "@mantine/core";
import { IconArrowBackUp, IconVersions } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { versionsQuery } from "@/api/datasets";
import type { DatasetVersion } from "@/api/generated";
import type { Draft } from "@/features/tune/draft";
import { fromVersion } from "@/features/tune/examples/chosen";
import { versionSentence } from "@/features/tune/examples/version-words";

/** Which version is used, what it is against the one before, and the way back. Versions never change, so going back
 *  loses nothing. */
export function VersionStrip(props: {
  datasetId: string;
  version: number;
  draft: Draft;
  set: (change: Partial<Draft>) => void;
}) {
  const versions = useQuery(versionsQuery(props.datasetId)).data?.data ?? [];
  const current = versions.find((each) => each.version === props.version);
  const parent = versions.find((each) => each.version === current?.parent_version);
  const use = (version: DatasetVersion) =>
    props.set(fromVersion({ id: props.datasetId, name: props.draft.datasetName ?? props.datasetId }, version));
  return (
    <Group gap="xs" mih={26}>
      <Text c="dimmed" role="status">
        Version {props.version}
        {current ? `: ${versionSentence(current)}.` : ""}
      </Text>
      {parent ? (
        <Button
          variant="light"
          size="compact-sm"
          leftSection={<IconArrowBackUp size={14} />}
          onClick={() => use(parent)}
        >
          Undo, use version {parent.version}
        </Button>
      ) : null}
      {versions.length > 1 ? <Others versions={versions} current={props.version} use={use} /> : null}
    </Group>
  );
}

function Others(props: { versions: DatasetVersion[]; current: number; use: (version: DatasetVersion) => void }) {
  return (
    <Menu position="bottom-start" width={340}>
      <Menu.Target>
        <Anchor component="button" size="sm">
          All {props.versions.length} versions
        </Anchor>
      </Menu.Target>
      <Menu.Dropdown mah={360} style={{ overflowY: "auto" }}>
        {props.versions.map((version) => (
          <Menu.Item
            key={version.version}
            leftSection={<IconVersions size={16} aria-hidden />}
            onClick={() => props.use(version)}
            aria-current={version.version === props.current}
            fw={version.version === props.current ? 600 : 400}
          >
            Version {version.version}: {versionSentence(version)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
