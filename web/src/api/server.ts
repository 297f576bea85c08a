import { queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";

/** What runs here, and for admins where its data lies. */
export function serverFacts() {
  return queryOptions({ queryKey: ["server"], queryFn: () => body(api.GET("/v1/server")) });
}

/** Base models, with all that is known of them. */
export function catalogue() {
  return queryOptions({
    queryKey: ["models", "catalog"],
    queryFn: () => body(api.GET("/v1/models/catalog")),
    staleTime: 3_600_000,
  });
}
