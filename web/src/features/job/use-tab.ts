import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import type { Job } from "@/api/generated";
import { checkupOptions } from "@/api/job";

export type TabId = "result" | "use" | "training" | "data" | "logs" | "events" | "config";

export interface Tab {
  id: TabId;
  label: string;
}

const LABELS: Record<TabId, string> = {
  result: "Result",
  use: "Use it",
  training: "Training",
  data: "Data",
  logs: "Log",
  events: "Events",
  config: "Settings",
};

/** The section to show: what the address says where it has something to show, else what suits the job's state. */
export function useTab(job: Job | undefined): { tab: TabId; tabs: Tab[]; onTab: (tab: string) => void } {
  const [search, setSearch] = useSearchParams();
  const checkup = useQuery({ ...checkupOptions(job?.id ?? ""), enabled: job?.started_at != null });
  const ids = job ? sections(job, Boolean(checkup.data) || checkup.isPending) : [];
  const asked = ids.find((id) => id === search.get("tab"));
  return {
    tab: asked ?? (job ? firstSection(job, ids) : "training"),
    tabs: ids.map((id) => ({ id, label: LABELS[id] })),
    onTab: (tab) =>
      setSearch(
        (before) => {
          before.set("tab", tab);
          return before;
        },
        { replace: true, preventScrollReset: true },
      ),
  };
}

/** Those that have something to show. */
export function sections(job: Pick<Job, "status" | "fine_tuned_model" | "started_at">, hasCheckup: boolean): TabId[] {
  const has: Record<TabId, boolean> = {
    result: job.status === "succeeded" && job.fine_tuned_model !== null,
    use: job.status === "succeeded" && job.fine_tuned_model !== null,
    training: true,
    data: hasCheckup && job.started_at !== null,
    logs: job.started_at !== null,
    events: true,
    config: true,
  };
  return (Object.keys(has) as TabId[]).filter((id) => has[id]);
}

/** A finished job opens with what came out, a failed one with its log, any other with how it learns. */
export function firstSection(job: Pick<Job, "status">, ids: readonly TabId[]): TabId {
  const wanted: TabId = job.status === "succeeded" ? "result" : job.status === "failed" ? "logs" : "training";
  return ids.includes(wanted) ? wanted : "events";
}
