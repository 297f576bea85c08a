import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { ApiError } from "@/api/error";
import type { Dataset, DatasetVersion, Finding } from "@/api/generated";

/** One repair that makes a new version. */
export type Fix = NonNullable<Finding["repairs"]>[number];

const PAGE = 20;

/** The project's data sets, the last changed first, whose names or descriptions hold `search`. */
export function datasetsQuery(search: string) {
  return infiniteQueryOptions({
    queryKey: ["datasets", "list", search],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/v1/datasets", {
          params: {
            query: { limit: PAGE, ...(search ? { search } : {}), ...(pageParam ? { after: pageParam } : {}) },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (page.has_more ? page.last_id : null),
  });
}

export function datasetQuery(datasetId: string) {
  return queryOptions({
    queryKey: ["datasets", datasetId],
    queryFn: () => body(api.GET("/v1/datasets/{dataset_id}", { params: { path: { dataset_id: datasetId } } })),
  });
}

/** The hundred newest versions, the newest first. */
export function versionsQuery(datasetId: string) {
  return queryOptions({
    queryKey: ["datasets", datasetId, "versions"],
    queryFn: () =>
      body(
        api.GET("/v1/datasets/{dataset_id}/versions", {
          params: { path: { dataset_id: datasetId }, query: { limit: 100 } },
        }),
      ),
  });
}

const MOST_NAMES = 50;

/** A data set of the file under the name, or the next free one: "support 2". */
export async function createDataset(name: string, fileId: string): Promise<Dataset> {
  for (let number = 1; ; number += 1) {
    const tried = number === 1 ? name : `${name} ${number}`;
    try {
      return await body(api.POST("/v1/datasets", { body: { name: tried, file_id: fileId, description: "" } }));
    } catch (error) {
      const taken = error instanceof ApiError && error.param === "name" && error.status === 400;
      if (!taken || number === MOST_NAMES) throw error;
    }
  }
}

export function useRenameDataset(datasetId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) =>
      body(api.POST("/v1/datasets/{dataset_id}", { params: { path: { dataset_id: datasetId } }, body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["datasets"] }),
  });
}

/** A new version by fixes to another one. */
export function useFixDataset() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: { datasetId: string; fixes: Fix[]; from: number }): Promise<DatasetVersion> =>
      body(
        api.POST("/v1/datasets/{dataset_id}/versions", {
          params: { path: { dataset_id: wanted.datasetId } },
          body: { fixes: wanted.fixes, from_version: wanted.from, note: "" },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ["datasets"] }),
  });
}

/** A data set's name out of a file's: without its endings, slashes and blanks at the ends. */
export function nameFromFile(filename: string): string {
  const plain = filename
    .replace(/\.gz$/i, "")
    .replace(/\.(jsonl|csv|tsv|fasta|faa|fa)$/i, "")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the server refuses names with these
    .replace(/[\x00-\x1f\x7f/]+/g, " ")
    .trim()
    .slice(0, 90)
    .trim();
  return plain || "examples";
}
