import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { useSessionStorage } from "@mantine/hooks";
import { useDeferredValue, useMemo } from "react";
import type { Goal } from "@/features/tune/draft";
import { sniff } from "@/lib/sniff";

/** Text that becomes a file. What it was taken for is said before it is sent; it stays while the tab lives. */
export function PasteTab(props: { goal: Goal; onFile: (file: File) => void }) {
  const [text, setText] = useSessionStorage({
    key: "tunesmith-pasted",
    defaultValue: "",
    getInitialValueInEffect: false,
  });
  const settled = useDeferredValue(text);
  const found = useMemo(
    () => sniff(settled, { wantsSequences: props.goal === "protein", wantsSentences: props.goal === "search" }),
    [settled, props.goal],
  );
  const blank = !settled.trim();
  return (
    <Stack gap="sm">
      <Textarea
        label="Your examples"
        description="A table with a first line of column names (also copied from a spreadsheet), JSON lines, a JSON list, or FASTA."
        placeholder={PLACEHOLDERS[props.goal]}
        autosize
        minRows={6}
        maxRows={18}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
      />
      <Group justify="space-between" mih={36}>
        <Text role="status" c={blank ? "dimmed" : undefined} maw={640} style={{ overflowWrap: "anywhere" }}>
          {blank
            ? "What it is will be told here."
            : "problem" in found
              ? found.problem
              : `Taken for ${found.takenFor}.`}
        </Text>
        {"problem" in found ? null : (
          <Button
            onClick={() => props.onFile(new File([found.content], `pasted.${found.extension}`, { type: "text/plain" }))}
          >
            Use this text
          </Button>
        )}
      </Group>
    </Stack>
  );
}

const PLACEHOLDERS: Record<Goal, string> = {
  chat: "instruction,output\nDo you ship to Norway?,Yes. It takes four to six working days.",
  extract: 'instruction,output\n"Invoice 20417, 89.90 euros","{""number"": ""20417"", ""total"": 89.9}"',
  classify: "text,label\nThe parcel says delivered but nothing is here,delivery",
  search: "query,document\nI forgot my password,Resetting your sign-in details",
  protein: ">lysozyme of the chicken\nMRSLLILVLCFLPLAALGKVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGS",
};
