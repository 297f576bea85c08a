import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { jobKeys } from "@/api/job-keys";

/** The runs on real data that Tunesmith brings along. */
export function exampleList() {
  return queryOptions({
    queryKey: ["examples"],
    queryFn: () => body(api.GET("/v1/examples")),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Starts one as a real job; the answer names it. */
export function startExample(client: QueryClient) {
  return {
    mutationFn: (id: string) => body(api.POST("/v1/examples/{example_id}", { params: { path: { example_id: id } } })),
    onSuccess: () => {
      for (const queryKey of [jobKeys.all, ["datasets"], ["files"]]) void client.invalidateQueries({ queryKey });
    },
  };
}
