import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { estimateQuery, forFigures } from "@/api/estimates";
import type { JobCreate, JobEstimate } from "@/api/generated";
import { type Draft, jobOf } from "@/features/tune/draft";

const AFTER_MS = 450;

export interface Told {
  /** The newest figures that came; those of before a change while it is asked again. */
  estimate: JobEstimate | null;
  /** The figures are older than the draft. */
  asking: boolean;
  error: unknown;
  again: () => void;
}

/** What the draft's job would take, asked again a moment after each change. */
export function useEstimate(draft: Draft): Told {
  const job = jobOf(draft);
  const now = job && JSON.stringify(forFigures(job));
  const [asked] = useDebouncedValue(now, AFTER_MS);
  const query = useQuery({
    ...estimateQuery(asked === null ? ({} as JobCreate) : (JSON.parse(asked) as JobCreate)),
    enabled: asked !== null,
  });
  const [last, setLast] = useState<JobEstimate | null>(null);
  useEffect(() => {
    if (query.data) setLast(query.data);
  }, [query.data]);
  return {
    estimate: query.data ?? last,
    asking: now !== asked || query.isFetching,
    error: query.error,
    again: () => void query.refetch(),
  };
}
