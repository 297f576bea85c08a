import { type QueryClient, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { ApiError } from "@/api/error";
import type { Job } from "@/api/generated";
import { isLive, logsOptions, readLog } from "@/api/job";
import { jobKeys } from "@/api/job-keys";
import { type LogKind, type LogRow, lineOf, rowsOf } from "@/features/job/logs/log-lines";

const FRESH_MS = 3000;

/** The log's rows as far as they are here, and how to have more. While the job is live, what it writes comes along. */
export function useLog(job: Job, search: string, kinds: ReadonlySet<LogKind>) {
  const query = useInfiniteQuery(logsOptions(job.id, search));
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useTail(job, search);
  const lines = useMemo(() => (data?.pages ?? []).flatMap((page) => page.data.map(lineOf)), [data]);
  const rows: LogRow[] = useMemo(() => {
    const shown = lines.filter((line) => kinds.has(line.kind));
    // Found lines stand apart from each other: what lies between two of them is no traceback.
    return search ? shown.map((line) => ({ type: "line", line })) : rowsOf(shown);
  }, [lines, kinds, search]);
  return { query, lines, rows, hasNextPage, isFetchingNextPage, fetchNextPage };
}

/** Log lines are not told by the live stream: the last page is asked for again while the run may write. */
function useTail(job: Job, search: string): void {
  const cache = useQueryClient();
  const live = isLive(job);
  useEffect(() => {
    if (!live) return;
    const { queryKey } = logsOptions(job.id, search);
    const timer = setInterval(() => {
      if (document.visibilityState === "hidden") return;
      const pages = cache.getQueryData(queryKey)?.pages;
      if (pages?.at(-1)?.has_more !== false) return;
      // The server being away is told at the top of the page; the next turn asks again.
      tail(cache, job.id, search).catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
      });
    }, FRESH_MS);
    return () => clearInterval(timer);
  }, [cache, job.id, search, live]);
  // The last lines come with the end itself.
  useEffect(() => {
    if (!live) void cache.invalidateQueries({ queryKey: jobKeys.logs(job.id) });
  }, [cache, job.id, live]);
}

/** Puts what was written since behind the last page; pages before it are left as they are. */
async function tail(cache: QueryClient, jobId: string, search: string): Promise<void> {
  const { queryKey } = logsOptions(jobId, search);
  const known = cache.getQueryData(queryKey);
  const after = known?.pages.findLast((page) => page.last_id)?.last_id ?? "";
  const more = await readLog(jobId, search, after);
  if (more.data.length === 0) return;
  cache.setQueryData(queryKey, (now) =>
    now && now === known ? { pages: [...now.pages, more], pageParams: [...now.pageParams, after] } : now,
  );
}
