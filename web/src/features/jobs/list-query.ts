import type { JobCountsQuery, JobsQuery } from "@/api/jobs";
import type { Filters } from "@/features/jobs/filters";

/** The filters as the server is asked; what keeps all is left out. */
export function jobsQuery(filters: Filters): JobsQuery {
  return {
    ...countsQuery(filters),
    ...(filters.statuses.length ? { status: filters.statuses } : {}),
    sort: filters.sort.field,
    order: filters.sort.descending ? "desc" : "asc",
  };
}

/** The same without the states: how many there are of each is what is asked. */
export function countsQuery(filters: Filters): JobCountsQuery {
  return {
    ...(filters.task ? { task: filters.task } : {}),
    ...(filters.project ? { project: filters.project } : {}),
    ...(filters.owner ? { owner: filters.owner } : {}),
    ...(filters.search.trim() ? { search: filters.search.trim() } : {}),
  };
}
