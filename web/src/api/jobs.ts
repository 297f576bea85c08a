import { infiniteQueryOptions, type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { Job, JobUpdate, PageJob, paths } from "@/api/generated";
import { jobKeys } from "@/api/job-keys";
import { takeJob } from "@/api/live-jobs";

export const JOBS_A_PAGE = 50;

/** What the server can be asked for of a list. */
export type JobsQuery = Omit<NonNullable<paths["/v1/fine_tuning/jobs"]["get"]["parameters"]["query"]>, "after">;
export type JobCountsQuery = NonNullable<paths["/v1/fine_tuning/jobs/counts"]["get"]["parameters"]["query"]>;

/** Jobs with their sparklines, a page after the other. */
export function jobList(query: JobsQuery) {
  const asked: JobsQuery = { limit: JOBS_A_PAGE, include: ["sparkline"], ...query };
  return infiniteQueryOptions({
    queryKey: jobKeys.list(asked),
    queryFn: ({ pageParam, signal }) =>
      body(api.GET("/v1/fine_tuning/jobs", { params: { query: { ...asked, after: pageParam } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: PageJob) => (page.has_more ? (page.last_id ?? undefined) : undefined),
    refetchOnWindowFocus: false, // The live stream keeps it fresh; asking for every page again would not.
  });
}

/** A few jobs, without pages to follow. */
export function fewJobs(query: JobsQuery) {
  return queryOptions({
    queryKey: jobKeys.list(query),
    queryFn: ({ signal }) => body(api.GET("/v1/fine_tuning/jobs", { params: { query }, signal })),
  });
}

/** How many jobs are in each state, of those that the filters keep. */
export function jobCounts(query: JobCountsQuery = {}) {
  return queryOptions({
    queryKey: jobKeys.counts(query),
    queryFn: ({ signal }) => body(api.GET("/v1/fine_tuning/jobs/counts", { params: { query }, signal })),
  });
}

const CANCELLED_AT_ONCE = 100;

/** Cancels jobs, a hundred a call; says how many were still to be cancelled. */
export function cancelJobs(client: QueryClient) {
  return {
    mutationFn: async (jobs: readonly Job[]) => {
      let n = 0;
      for (let at = 0; at < jobs.length; at += CANCELLED_AT_ONCE) {
        const some = jobs.slice(at, at + CANCELLED_AT_ONCE);
        const ids = some.map((job) => job.id);
        const told = await body(api.POST("/v1/fine_tuning/jobs/cancel", { body: { ids } }));
        for (const [i, { status }] of told.data.entries()) {
          const job = some[i];
          if (job && status) takeJob(client, { ...job, status, queue: null, eta_s: null });
        }
        n += told.n_cancelled;
      }
      return n;
    },
    onSettled: () => recount(client),
  };
}

export function pauseJob(client: QueryClient) {
  return {
    mutationFn: (id: string) =>
      body(api.POST("/v1/fine_tuning/jobs/{job_id}/pause", { params: { path: { job_id: id } } })),
    onSuccess: (job: Job) => shown(client, job),
  };
}

export function resumeJob(client: QueryClient) {
  return {
    mutationFn: (id: string) =>
      body(api.POST("/v1/fine_tuning/jobs/{job_id}/resume", { params: { path: { job_id: id } } })),
    onSuccess: (job: Job) => shown(client, job),
  };
}

export function updateJob(client: QueryClient) {
  return {
    mutationFn: ({ id, change }: { id: string; change: JobUpdate }) =>
      body(api.POST("/v1/fine_tuning/jobs/{job_id}", { params: { path: { job_id: id } }, body: change })),
    onSuccess: (job: Job) => shown(client, job),
  };
}

/** What was answered is shown where the job stands: rows stay in their places. */
function shown(client: QueryClient, job: Job): Promise<void> {
  takeJob(client, job);
  return recount(client);
}

function recount(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: jobKeys.allCounts });
}
