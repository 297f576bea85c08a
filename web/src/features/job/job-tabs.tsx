import { Skeleton, Tabs } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { Job } from "@/api/generated";
import type { Tab, TabId } from "@/features/job/use-tab";

// Each section's code comes when it is first opened.
const SECTIONS: Record<TabId, React.ComponentType<{ job: Job }>> = {
  result: lazy(() => import("@/features/job/result/result-section").then((m) => ({ default: m.ResultSection }))),
  use: lazy(() => import("@/features/job/result/use-section").then((m) => ({ default: m.UseSection }))),
  training: lazy(() =>
    import("@/features/job/training/training-section").then((m) => ({ default: m.TrainingSection })),
  ),
  data: lazy(() => import("@/features/job/data/data-section").then((m) => ({ default: m.DataSection }))),
  logs: lazy(() => import("@/features/job/logs/logs-section").then((m) => ({ default: m.LogsSection }))),
  events: lazy(() => import("@/features/job/logs/events-section").then((m) => ({ default: m.EventsSection }))),
  config: lazy(() => import("@/features/job/config/config-section").then((m) => ({ default: m.ConfigSection }))),
};

export function JobTabs(props: { job: Job; tab: TabId; tabs: Tab[]; onTab: (tab: string) => void }) {
  const Section = SECTIONS[props.tab];
  return (
    <Tabs value={props.tab} onChange={(tab) => tab && props.onTab(tab)} keepMounted={false}>
      <Tabs.List>
        {props.tabs.map(({ id, label }) => (
          <Tabs.Tab key={id} value={id} px="sm">
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={props.tab} pt="md">
        <Suspense fallback={<Skeleton h={360} />}>
          <Section job={props.job} />
        </Suspense>
      </Tabs.Panel>
    </Tabs>
  );
}
