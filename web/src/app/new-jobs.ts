import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";
import { jobKeys } from "@/api/job-keys";

let ids: readonly string[] = [];
const listeners = new Set<() => void>();

function become(next: readonly string[]): void {
  ids = next;
  for (const listener of listeners) listener();
}

/** A job was made that no list shows yet. */
export function noteNewJob(jobId: string): void {
  if (!ids.includes(jobId)) become([...ids, jobId]);
}

/** Lists were asked for again: what they hold now is new no more. */
export function dropListed(isListed: (jobId: string) => boolean): void {
  const left = ids.filter((id) => !isListed(id));
  if (left.length !== ids.length) become(left);
}

/** Another person or project is looked at. */
export function forgetNewJobs(): void {
  if (ids.length) become([]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** How many jobs wait to be shown while someone reads a list, and what shows them. */
export function useNewJobs(): { count: number; ids: readonly string[]; show: () => void } {
  const cache = useQueryClient();
  const now = useSyncExternalStore(subscribe, () => ids);
  const show = useCallback(() => {
    become([]);
    void cache.invalidateQueries({ queryKey: jobKeys.lists });
  }, [cache]);
  return { count: now.length, ids: now, show };
}
