import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { JobCreate } from "@/api/generated";
import { limited } from "@/lib/limited";

const AT_ONCE = 3;
const inTurn = limited(AT_ONCE);

/** What the job would need and who could run it. Asked a few at a time, kept for a minute, dropped when nobody looks:
 *  workers come and go, so it is asked again then. */
export function estimateQuery(job: JobCreate) {
  const asked = forFigures(job);
  return queryOptions({
    queryKey: ["estimates", asked],
    queryFn: ({ signal }) => inTurn(() => body(api.POST("/v1/fine_tuning/estimate", { body: asked, signal })), signal),
    staleTime: 60_000,
  });
}

/** The job without what changes no figure: what a person calls it, and where it is pushed. */
export function forFigures(job: JobCreate): JobCreate {
  const { name, suffix, metadata, output_model, ...rest } = job;
  return { ...rest, output_weights: "adapter", priority: "normal" };
}
