import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { Job, JobCreate } from "@/api/generated";
import { jobKeys } from "@/api/job-keys";
import { forgetAttempt, keyOfAttempt } from "@/lib/attempt-key";

/** The same job as curl, Python, command line and YAML. */
export function scriptQuery(job: JobCreate) {
  return queryOptions({
    queryKey: ["script", job],
    queryFn: ({ signal }) => body(api.POST("/v1/fine_tuning/script", { body: job, signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Starts the job. Asked twice, or again after an answer was lost, it still makes one. */
export function startJob(client: QueryClient) {
  return {
    mutationFn: (job: JobCreate) =>
      body(
        api.POST("/v1/fine_tuning/jobs", {
          body: job,
          params: { header: { "idempotency-key": keyOfAttempt(job) } },
        }),
      ),
    onSuccess: (job: Job) => {
      forgetAttempt();
      client.setQueryData(jobKeys.one(job.id), job);
      void client.invalidateQueries({ queryKey: jobKeys.lists });
      void client.invalidateQueries({ queryKey: jobKeys.allCounts });
    },
  };
}
