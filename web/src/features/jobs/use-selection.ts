import { useCallback, useMemo, useState } from "react";
import type { Job } from "@/api/generated";

export type Selection = {
  jobs: Job[];
  has: (id: string) => boolean;
  toggle: (id: string) => void;
  set: (ids: readonly string[]) => void;
};

/** The jobs that were ticked, of those that are shown: what a filter hides is not acted upon. */
export function useSelection(shown: readonly Job[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const jobs = useMemo(() => shown.filter((job) => ids.has(job.id)), [shown, ids]);
  const toggle = useCallback((id: string) => {
    setIds((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  }, []);
  const set = useCallback((wanted: readonly string[]) => setIds(new Set(wanted)), []);
  const has = useCallback((id: string) => ids.has(id), [ids]);
  return { jobs, has, toggle, set };
}
