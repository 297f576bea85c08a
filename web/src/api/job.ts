import {
  infiniteQueryOptions,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { ApiError } from "@/api/error";
import type { Job, JobCreate, JobUpdate, PageJobEvent, PageJobLog } from "@/api/generated";
import { jobKeys } from "@/api/job-keys";
import { pauseJob, resumeJob, updateJob } from "@/api/jobs";
import { ended } from "@/lib/job-words";

/** What one job is asked about. Everything lies where the live stream (app/live.tsx) keeps it fresh. */

const METRIC_POINTS = 1500;
const EVENTS = 200;
const LOG_LINES = 2000;

export function jobOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.one(jobId),
    queryFn: () => body(api.GET("/v1/fine_tuning/jobs/{job_id}", { params: { path: { job_id: jobId } } })),
  });
}

/** The figures of a run, oldest first; a long run's come thinned out by the server. */
export function metricsOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.metrics(jobId),
    queryFn: () =>
      body(
        api.GET("/v1/fine_tuning/jobs/{job_id}/metrics", {
          params: { path: { job_id: jobId }, query: { points: METRIC_POINTS } },
        }),
      ),
  });
}

/** What happened, newest first, without the figures, which the metrics hold. */
export function eventsOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.events(jobId),
    // The call can also answer a stream, whose type is unknown.
    queryFn: async () =>
      (await body<unknown>(
        api.GET("/v1/fine_tuning/jobs/{job_id}/events", {
          params: { path: { job_id: jobId }, query: { limit: EVENTS, type: "message" } },
        }),
      )) as PageJobEvent,
  });
}

/** Published checkpoints, newest first. */
export function checkpointsOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.checkpoints(jobId),
    queryFn: () =>
      body(
        api.GET("/v1/fine_tuning/jobs/{job_id}/checkpoints", {
          params: { path: { job_id: jobId }, query: { limit: 100 } },
        }),
      ),
  });
}

export function timelineOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.timeline(jobId),
    queryFn: () => body(api.GET("/v1/fine_tuning/jobs/{job_id}/timeline", { params: { path: { job_id: jobId } } })),
  });
}

/** What the run found in its data; null until it has told. */
export function checkupOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.checkup(jobId),
    queryFn: async () => {
      try {
        return await body(api.GET("/v1/fine_tuning/jobs/{job_id}/checkup", { params: { path: { job_id: jobId } } }));
      } catch (error) {
        if (error instanceof ApiError && error.code === "no_checkup") return null;
        throw error;
      }
    },
  });
}

export function configOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.config(jobId),
    queryFn: () => body(api.GET("/v1/fine_tuning/jobs/{job_id}/config", { params: { path: { job_id: jobId } } })),
  });
}

export function scriptOptions(jobId: string) {
  return queryOptions({
    queryKey: jobKeys.script(jobId),
    queryFn: () => body(api.GET("/v1/fine_tuning/jobs/{job_id}/script", { params: { path: { job_id: jobId } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Lines of the log, oldest first, a page at a time; with `search` only those that hold it. */
export function logsOptions(jobId: string, search: string) {
  return infiniteQueryOptions({
    queryKey: [...jobKeys.logs(jobId), search] as const,
    queryFn: ({ pageParam }) => readLog(jobId, search, pageParam),
    initialPageParam: "",
    getNextPageParam: (last) => (last.has_more && last.last_id ? last.last_id : undefined),
  });
}

/** The lines behind `after` ("": from the beginning). */
export function readLog(jobId: string, search: string, after: string): Promise<PageJobLog> {
  return body(
    api.GET("/v1/fine_tuning/jobs/{job_id}/logs", {
      params: {
        path: { job_id: jobId },
        query: { limit: LOG_LINES, ...(after ? { after } : {}), ...(search ? { search } : {}) },
      },
    }),
  );
}

/** The model that the job made: its comparisons, details, parity and lineage. */
export function resultOptions(model: string) {
  return queryOptions({
    queryKey: ["models", "version", model] as const,
    queryFn: () => body(api.GET("/v1/registry/models/{model}", { params: { path: { model } } })),
    staleTime: 60_000,
  });
}

/** Its files, each with a link that lives for minutes: asked for when somebody is about to fetch them. */
export function resultFilesOptions(model: string) {
  return queryOptions({
    queryKey: ["models", "files", model] as const,
    queryFn: () => body(api.GET("/v1/registry/models/{model}/files", { params: { path: { model } } })),
    staleTime: 5 * 60_000,
  });
}

/** What a job of this body was expected to need. */
export function expectedOptions(jobId: string, request: JobCreate | undefined) {
  return queryOptions({
    queryKey: [...jobKeys.of(jobId), "expected"] as const,
    queryFn: () => body(api.POST("/v1/fine_tuning/estimate", { body: request as JobCreate })),
    enabled: request !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The newest jobs of the task: those among which a parent, the best of the same data, and others to compare with are
 *  found. */
export function siblingsOptions(job: Pick<Job, "id" | "task">) {
  return queryOptions({
    queryKey: [...jobKeys.of(job.id), "siblings"] as const,
    queryFn: () => body(api.GET("/v1/fine_tuning/jobs", { params: { query: { limit: 200, task: job.task } } })),
    staleTime: 60_000,
  });
}

export type JobAction = "pause" | "resume" | "cancel";

/** Asks for a change of state; the answer is the job as it is then. */
export function useJobAction(jobId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (action: JobAction) => {
      if (action === "pause") return pauseJob(cache).mutationFn(jobId);
      if (action === "resume") return resumeJob(cache).mutationFn(jobId);
      return body(api.POST("/v1/fine_tuning/jobs/{job_id}/cancel", { params: { path: { job_id: jobId } } }));
    },
    onSuccess: (job) => changed(cache, job),
  });
}

/** Gives the job another name or priority. */
export function useJobUpdate(jobId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (change: JobUpdate) => updateJob(cache).mutationFn({ id: jobId, change }),
    onSuccess: (job) => changed(cache, job),
  });
}

function changed(cache: QueryClient, job: Job): Promise<unknown> {
  return Promise.all([
    updateJob(cache).onSuccess(job),
    cache.invalidateQueries({ queryKey: jobKeys.events(job.id) }),
    cache.invalidateQueries({ queryKey: jobKeys.timeline(job.id) }),
  ]);
}

/** Whether more may still be told of the job. */
export function isLive(job: Pick<Job, "status">): boolean {
  return !ended(job.status);
}
