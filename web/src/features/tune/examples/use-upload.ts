import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { createDataset, nameFromFile } from "@/api/datasets";
import { ApiError } from "@/api/error";
import { type Sent, uploadFile } from "@/api/files";
import type { Draft } from "@/features/tune/draft";
import { fromVersion } from "@/features/tune/examples/chosen";

export type Upload =
  | { phase: "idle" }
  | { phase: "sending"; name: string; sent: Sent }
  | { phase: "reading"; name: string }
  | { phase: "failed"; name: string; error: unknown; again: () => void };

/** Sends a file, makes a data set of it, and tells the draft. Leaving the page cancels it. */
export function useUpload(onDone: (change: Partial<Draft>) => void) {
  const [upload, setUpload] = useState<Upload>({ phase: "idle" });
  const client = useQueryClient();
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  async function start(file: File): Promise<void> {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    const told = (sent: Sent) => setUpload(phaseOf(file.name, sent));
    told({ bytes: 0, of: file.size });
    try {
      const sent = await uploadFile(file, told, abort.signal);
      const dataset = await createDataset(nameFromFile(file.name), sent.id);
      await client.invalidateQueries({ queryKey: ["datasets"] });
      setUpload({ phase: "idle" });
      if (!abort.signal.aborted) onDone(fromVersion(dataset, dataset.newest));
    } catch (error) {
      if (abort !== running.current) return;
      if (error instanceof ApiError && error.code === "upload_cancelled") setUpload({ phase: "idle" });
      else setUpload({ phase: "failed", name: file.name, error, again: () => void start(file) });
    }
  }

  /** Puts an error away that was read. */
  function forget(): void {
    setUpload((now) => (now.phase === "failed" ? { phase: "idle" } : now));
  }

  return { upload, start: (file: File) => void start(file), cancel: () => running.current?.abort(), forget };
}

/** Once all is sent, the server still checks the last records. */
function phaseOf(name: string, sent: Sent): Upload {
  return sent.bytes < sent.of || sent.of === 0 ? { phase: "sending", name, sent } : { phase: "reading", name };
}
