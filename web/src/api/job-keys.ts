/** What a list of jobs can be asked for; a filter that is left out keeps all. */
export type JobFilters = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>;

/**
 * Where jobs lie in the query cache. The live stream (app/live.tsx) changes what lies here in place:
 * a list holds a page of jobs or an infinite query's pages, `one` holds the job, `metrics` and `events` a job's lists.
 */
export const jobKeys = {
  all: ["jobs"] as const,
  lists: ["jobs", "list"] as const,
  list: (filters: JobFilters = {}) => ["jobs", "list", filters] as const,
  allCounts: ["jobs", "counts"] as const,
  counts: (filters: JobFilters = {}) => ["jobs", "counts", filters] as const,
  one: (jobId: string) => ["jobs", "one", jobId] as const,
  /** Everything that is asked about one job besides the job itself. */
  of: (jobId: string) => ["jobs", jobId] as const,
  events: (jobId: string) => ["jobs", jobId, "events"] as const,
  metrics: (jobId: string) => ["jobs", jobId, "metrics"] as const,
  checkpoints: (jobId: string) => ["jobs", jobId, "checkpoints"] as const,
  timeline: (jobId: string) => ["jobs", jobId, "timeline"] as const,
  logs: (jobId: string) => ["jobs", jobId, "logs"] as const,
  checkup: (jobId: string) => ["jobs", jobId, "checkup"] as const,
  config: (jobId: string) => ["jobs", jobId, "config"] as const,
  script: (jobId: string) => ["jobs", jobId, "script"] as const,
};
