import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";

/** Base models of the catalogue, in its order. */
export function catalogQuery() {
  return queryOptions({
    queryKey: ["models", "catalog"],
    queryFn: ({ signal }) => body(api.GET("/v1/models/catalog", { signal })),
    staleTime: 5 * 60_000,
  });
}

/** The project's own tuned models, the newest hundred. */
export function tunedModelsQuery() {
  return queryOptions({
    queryKey: ["models", "tuned"],
    queryFn: ({ signal }) => body(api.GET("/v1/registry/models", { params: { query: { limit: 100 } }, signal })),
  });
}
