import { useQuery } from "@tanstack/react-query";
import { fileRecordsQuery } from "@/api/files";
import type { FileRecord } from "@/api/generated";
import type { Draft } from "@/features/tune/draft";
import { isEnglish } from "@/lib/language";

const SAMPLE = 20;

/** Whether the draft's first records are English; null while that is unknown, and of residues. */
export function useEnglish(draft: Draft): boolean | null {
  const sequences = draft.kind === "sequence" || draft.kind === "labelled_sequence";
  const query = useQuery({
    ...fileRecordsQuery(draft.fileId ?? "", null, SAMPLE),
    enabled: !!draft.fileId && !sequences,
  });
  if (sequences || !query.data) return null;
  return isEnglish(query.data.data.flatMap(textsOf));
}

function textsOf(record: FileRecord): string[] {
  const messages = record.messages?.map((message) => message.content) ?? [];
  return [...messages, ...(record.texts ?? []), ...(record.text ? [record.text] : [])];
}
