import { keepPreviousData, queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { keyList } from "@/api/accounts";
import { api, body } from "@/api/client";
import { jobKeys } from "@/api/job-keys";
import { fewJobs, jobCounts } from "@/api/jobs";
import { serverFacts } from "@/api/server";
import type { Facts } from "@/features/home/checklist";

const WORKERS_MS = 15_000;
const SHOWN = 4;

export const RUNNING = fewJobs({ status: ["running"], include: ["sparkline"], limit: SHOWN });
export const WAITING = fewJobs({ status: ["queued", "validating_files"], limit: SHOWN });
export const FINISHED = fewJobs({ status: ["succeeded"], sort: "finished_at", limit: SHOWN });
export const FAILED = fewJobs({ status: ["failed"], sort: "finished_at", limit: SHOWN });

/** Whether anything to train on was ever uploaded here and is there still. */
const ANY_DATA = queryOptions({
  queryKey: ["files", "any"],
  queryFn: async () => {
    const query = { purpose: "fine-tune", limit: 1 };
    return (await body(api.GET("/v1/files", { params: { query } }))).data.length > 0;
  },
});

/** What is so on this server, kept true by the live stream; of the workers, which it does not tell, by asking again. */
export function useFacts() {
  const client = useQueryClient();
  const counts = useQuery({ ...jobCounts(), placeholderData: keepPreviousData });
  const running = useQuery(RUNNING);
  const waiting = useQuery(WAITING);
  const files = useQuery(ANY_DATA);
  const keys = useQuery(keyList());
  const server = useQuery({ ...serverFacts(), refetchInterval: WORKERS_MS });

  // A job that went from one state to another belongs into another of the lists below.
  const states = JSON.stringify(counts.data?.by_status);
  useEffect(() => {
    if (states) void client.invalidateQueries({ queryKey: jobKeys.lists });
  }, [client, states]);

  const facts: Facts = {
    hasData: files.data ?? null,
    jobs: counts.data ?? null,
    keys: keys.data?.data ?? null,
    workers: server.data?.workers.connected ?? null,
    underWay: running.data?.data[0]?.id ?? waiting.data?.data[0]?.id ?? null,
  };
  return { counts, facts };
}
