import type { InfiniteData, QueryClient, QueryKey } from "@tanstack/react-query";
import type { Job, JobEvent, JobMetric, PageJob, PageJobEvent } from "@/api/generated";
import { jobKeys } from "@/api/job-keys";

/** Points of a series beyond which it is asked for again, thinned out anew. */
const MOST_POINTS = 4_000;

type JobListData = PageJob | InfiniteData<PageJob>;
type PointsPage = { data: JobMetric[]; last_id?: string | null; n_points?: number | null };

/** Puts the job, as it is now, where it is shown: rows stay in their places. Says what was known of it before. */
export function takeJob(cache: QueryClient, job: Job): { before: Job | null } {
  let before = cache.getQueryData<Job>(jobKeys.one(job.id)) ?? null;
  if (before) cache.setQueryData<Job>(jobKeys.one(job.id), merged(before, job));
  cache.setQueriesData<JobListData>({ queryKey: jobKeys.lists }, (list) => {
    const row = list && rowOf(list, job.id);
    if (!list || !row) return list;
    before ??= row;
    return eachPage(list, (page) => ({
      ...page,
      data: page.data.map((old) => (old === row ? merged(old, job) : old)),
    }));
  });
  if (before && before.status !== job.status) settle(cache, job);
  if (before && movedOn(before, job)) freshen(cache, jobKeys.of(job.id), ["timeline", "config", "checkup"]);
  if (before && before.attempts !== job.attempts) freshen(cache, jobKeys.of(job.id), ["metrics"]);
  return { before };
}

/** Adds the event to the job's list, newest first, where that is shown. */
export function takeEvent(cache: QueryClient, jobId: string, event: JobEvent): void {
  cache.setQueryData<PageJobEvent>(jobKeys.events(jobId), (page) => {
    if (!page || page.data.some((each) => each.id === event.id)) return page;
    return { ...page, data: [event, ...page.data], first_id: event.id };
  });
  freshen(cache, jobKeys.of(jobId), ["checkpoints"]);
}

/** Adds points behind those of the job's series that is shown. */
export function takePoints(cache: QueryClient, jobId: string, points: readonly JobMetric[]): void {
  const key = jobKeys.metrics(jobId);
  let length = 0;
  cache.setQueryData<PointsPage>(key, (page) => {
    if (!page) return page;
    const known = new Set(page.data.slice(-200).map((point) => point.id));
    const added = points.filter((point) => !known.has(point.id));
    if (added.length === 0) return page;
    const data = [...page.data, ...added].sort((a, b) => a.step - b.step);
    length = data.length;
    const counted = typeof page.n_points === "number" ? { n_points: page.n_points + added.length } : {};
    return { ...page, ...counted, data, last_id: data.at(-1)?.id ?? null };
  });
  if (length > MOST_POINTS) void cache.invalidateQueries({ queryKey: key });
}

/** Whether some list that is shown now holds the job. */
export function isListed(cache: QueryClient, jobId: string): boolean {
  return cache
    .getQueryCache()
    .findAll({ queryKey: jobKeys.lists, type: "active" })
    .some(({ state }) => state.data !== undefined && rowOf(state.data as JobListData, jobId) !== undefined);
}

/** What is only asked for with `include` is not told live: it stays. */
function merged(old: Job, job: Job): Job {
  return { ...job, sparkline: job.sparkline ?? old.sparkline };
}

/** An answer that was under way while the state changed may hold the old one: it is asked for again. */
function settle(cache: QueryClient, job: Job): void {
  const fetching = { fetchStatus: "fetching" } as const;
  void cache.invalidateQueries({ queryKey: jobKeys.lists, ...fetching });
  void cache.invalidateQueries({ queryKey: jobKeys.one(job.id), ...fetching });
}

function movedOn(before: Job, job: Job): boolean {
  return (
    before.status !== job.status ||
    before.progress.phase !== job.progress.phase ||
    before.attempts !== job.attempts ||
    (before.progress.step === 0 && job.progress.step > 0)
  );
}

function freshen(cache: QueryClient, of: QueryKey, parts: readonly string[]): void {
  for (const part of parts) void cache.invalidateQueries({ queryKey: [...of, part] });
}

function rowOf(list: JobListData, jobId: string): Job | undefined {
  const pages = "pages" in list ? list.pages : [list];
  for (const page of pages) {
    const row = page.data.find((job) => job.id === jobId);
    if (row) return row;
  }
  return undefined;
}

function eachPage(list: JobListData, change: (page: PageJob) => PageJob): JobListData {
  return "pages" in list ? { ...list, pages: list.pages.map(change) } : change(list);
}
