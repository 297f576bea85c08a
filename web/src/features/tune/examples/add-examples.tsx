import { Card, Stack, Tabs } from "@mantine/core";
import { useSessionStorage } from "@mantine/hooks";
import { IconClipboardText, IconDatabase, IconFileUpload } from "@tabler/icons-react";
import type { Draft, Goal } from "@/features/tune/draft";
import { fromVersion } from "@/features/tune/examples/chosen";
import { PasteTab } from "@/features/tune/examples/paste-tab";
import { PickTab } from "@/features/tune/examples/pick-tab";
import { Sample } from "@/features/tune/examples/sample";
import { UploadState, UploadTab } from "@/features/tune/examples/upload-tab";
import { useUpload } from "@/features/tune/examples/use-upload";

/** Three ways to bring examples: a file, a data set that is there, pasted text. */
export function AddExamples(props: { goal: Goal; onAdded: (change: Partial<Draft>) => void }) {
  const [tab, setTab] = useSessionStorage({
    key: "tunesmith-examples-tab",
    defaultValue: "upload",
    getInitialValueInEffect: false,
  });
  const { upload, start, cancel, forget } = useUpload(props.onAdded);
  const turnTo = (to: string) => {
    forget();
    setTab(to);
  };
  const busy = upload.phase === "sending" || upload.phase === "reading";
  return (
    <Card>
      <Stack gap="md">
        <Tabs value={tab} onChange={(value) => turnTo(value ?? "upload")} keepMounted={false}>
          <Tabs.List mb="md">
            <Tabs.Tab value="upload" leftSection={<IconFileUpload size={16} aria-hidden />}>
              Upload a file
            </Tabs.Tab>
            <Tabs.Tab value="pick" leftSection={<IconDatabase size={16} aria-hidden />}>
              Pick a data set
            </Tabs.Tab>
            <Tabs.Tab value="paste" leftSection={<IconClipboardText size={16} aria-hidden />}>
              Paste text
            </Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="upload">{busy ? null : <UploadTab onFile={start} />}</Tabs.Panel>
          <Tabs.Panel value="pick">
            <PickTab
              goal={props.goal}
              onPick={(dataset) => props.onAdded(fromVersion(dataset, dataset.newest))}
              onUpload={() => turnTo("upload")}
            />
          </Tabs.Panel>
          <Tabs.Panel value="paste">
            <PasteTab goal={props.goal} onFile={start} />
          </Tabs.Panel>
        </Tabs>
        <UploadState upload={upload} onCancel={cancel} />
        {busy ? null : <Sample goal={props.goal} onFile={start} />}
      </Stack>
    </Card>
  );
}
