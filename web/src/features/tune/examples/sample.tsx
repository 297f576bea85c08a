import { Anchor, Button, Group, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { ApiError, messageOf } from "@/api/error";
import type { Goal } from "@/features/tune/draft";
import chat from "@/features/tune/examples/samples/chat.csv?url";
import classify from "@/features/tune/examples/samples/classify.csv?url";
import extract from "@/features/tune/examples/samples/extract.jsonl?url";
import protein from "@/features/tune/examples/samples/protein.fasta?url";
import search from "@/features/tune/examples/samples/search.csv?url";

const SAMPLES: Record<Goal, { url: string; file: string; what: string }> = {
  chat: { url: chat, file: "sample-chat.csv", what: "20 questions to a shop with their answers, a table" },
  extract: { url: extract, file: "sample-extract.jsonl", what: "20 lines from invoices with their facts, JSON lines" },
  classify: { url: classify, file: "sample-classify.csv", what: "24 messages in three classes, a table" },
  search: { url: search, file: "sample-search.csv", what: "20 searches with the text they should find, a table" },
  protein: {
    url: protein,
    file: "sample-protein.fasta",
    what: "24 lysozymes, FASTA (UniProtKB/Swiss-Prot, CC BY 4.0)",
  },
};

/** A small real file of the goal's form: to look at, or to go on with at once. */
export function Sample(props: { goal: Goal; onFile: (file: File) => void }) {
  const { url, file, what } = SAMPLES[props.goal];
  const use = useMutation({
    mutationFn: async () => new File([await (await fetched(url)).blob()], file),
    onSuccess: props.onFile,
  });
  return (
    <Group gap="sm">
      <Text c="dimmed">No file at hand? See the form by a small one: {what}.</Text>
      <Anchor href={url} download={file}>
        <Group gap={4} component="span">
          <IconDownload size={16} aria-hidden /> Download it
        </Group>
      </Anchor>
      <Button variant="default" size="compact-sm" loading={use.isPending} onClick={() => use.mutate()}>
        Go on with it
      </Button>
      {use.error ? (
        <Text c="var(--mantine-color-red-text)" role="alert">
          {messageOf(use.error)}
        </Text>
      ) : null}
    </Group>
  );
}

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => null);
  if (response?.ok) return response;
  throw new ApiError({ status: 0, message: "The sample could not be loaded. Look whether the server runs." });
}
