import { type UseQueryResult, useQueries } from "@tanstack/react-query";
import { estimateQuery } from "@/api/estimates";
import type { JobCreate, JobEstimate } from "@/api/generated";
import { type Draft, jobOf } from "@/features/tune/draft";
import { type Fit, fitOf, fitOfError } from "@/features/tune/model/fit";
import type { Offer } from "@/features/tune/model/offers";

export interface Fits {
  fits: Map<string, Fit>;
  estimates: Map<string, JobEstimate>;
}

const ASKING: Fit = { state: "asking", text: "" };

/** What the draft's job would need from each of the models; they are told one after the other as they come. */
export function useFits(draft: Draft, offers: Offer[]): Fits {
  const jobs = offers.flatMap((offer) => {
    const job = jobOf({ ...draft, baseModel: offer.id });
    return job ? [{ id: offer.id, job }] : [];
  });
  return useQueries({
    queries: jobs.map(({ job }: { job: JobCreate }) => estimateQuery(job)),
    combine: (results) => collected(jobs, results),
  });
}

function collected(jobs: { id: string }[], results: UseQueryResult<JobEstimate>[]): Fits {
  const fits = new Map<string, Fit>();
  const estimates = new Map<string, JobEstimate>();
  for (const [i, { id }] of jobs.entries()) {
    const result = results[i];
    if (result?.data) estimates.set(id, result.data);
    fits.set(id, result?.data ? fitOf(result.data) : result?.error ? fitOfError(result.error) : ASKING);
  }
  return { fits, estimates };
}
