import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";
import type { PageJob } from "@/api/generated";
import { jobList } from "@/api/jobs";
import { useNewJobs } from "@/app/live";
import { type Filters, NEWEST_FIRST, sameSort } from "@/features/jobs/filters";
import { jobsQuery } from "@/features/jobs/list-query";

/**
 * Jobs that were made since the list was asked for: they come to its top by themselves, but wait while somebody reads.
 * `show` brings them; the list begins anew at its first page, however far it was scrolled.
 */
export function useNewOnTop(filters: Filters, reading: boolean): { waiting: number; show: () => void } {
  const client = useQueryClient();
  const { count, show: showNew } = useNewJobs();
  const coming = comesOnTop(filters) ? count : 0;
  const show = useCallback(() => {
    client.setQueryData<InfiniteData<PageJob>>(jobList(jobsQuery(filters)).queryKey, (list) =>
      list ? { pages: list.pages.slice(0, 1), pageParams: list.pageParams.slice(0, 1) } : list,
    );
    showNew();
  }, [client, filters, showNew]);
  useEffect(() => {
    if (coming > 0 && !reading) show();
  }, [coming, reading, show]);
  return { waiting: reading ? coming : 0, show };
}

/** Whether a job that has just been made may stand on top of the list. */
function comesOnTop(filters: Filters): boolean {
  const { statuses, sort } = filters;
  return (
    sameSort(sort, NEWEST_FIRST) &&
    (statuses.length === 0 || statuses.includes("validating_files") || statuses.includes("queued"))
  );
}
