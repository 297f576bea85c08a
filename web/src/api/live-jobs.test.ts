import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import type { Job, JobEvent, JobMetric } from "@/api/generated";
import { jobKeys } from "@/api/job-keys";
import { isListed, takeEvent, takeJob, takePoints } from "@/api/live-jobs";

function job(id: string, changes: Partial<Job> = {}): Job {
  const progress = { phase: null, step: 0, total_steps: 10, percent: 0 };
  return { id, object: "fine_tuning.job", status: "queued", attempts: 0, progress, ...changes } as Job;
}

const page = (...jobs: Job[]) => ({ object: "list" as const, data: jobs, has_more: false });
const point = (step: number) => ({ id: `ftmetric-1-${step}`, step, values: { train_loss: 1 } }) as unknown as JobMetric;

describe("takeJob", () => {
  it("changes the row in its place in every list, keeps other rows as they are, and what is not told live", () => {
    const cache = new QueryClient();
    const [a, b] = [job("a"), job("b", { sparkline: [3, 2] })];
    cache.setQueryData(jobKeys.list({}), { pages: [page(a), page(b)], pageParams: [undefined, "a"] });
    cache.setQueryData(jobKeys.list({ limit: 3 }), page(b, a));
    const { before } = takeJob(cache, job("b", { status: "running" }));
    expect(before?.status).toBe("queued");
    const [paged, few] = [cache.getQueryData(jobKeys.list({})), cache.getQueryData(jobKeys.list({ limit: 3 }))] as [
      { pages: { data: Job[] }[] },
      { data: Job[] },
    ];
    expect(paged.pages[0]?.data[0]).toBe(a);
    expect(paged.pages[1]?.data[0]).toMatchObject({ id: "b", status: "running", sparkline: [3, 2] });
    expect(few.data.map((row) => [row.id, row.status])).toEqual([
      ["b", "running"],
      ["a", "queued"],
    ]);
  });

  it("leaves lists without the job the very same, so that nothing is drawn again", () => {
    const cache = new QueryClient();
    const list = page(job("a"));
    cache.setQueryData(jobKeys.list({}), list);
    expect(takeJob(cache, job("z"))).toEqual({ before: null });
    expect(cache.getQueryData(jobKeys.list({}))).toBe(list);
    expect(isListed(cache, "a")).toBe(false); // Nobody looks at that list.
    const leave = new QueryObserver(cache, { queryKey: jobKeys.list({}), enabled: false }).subscribe(() => {});
    const looked = new QueryObserver(cache, { queryKey: jobKeys.list({}), queryFn: () => list, staleTime: Infinity });
    const leaveToo = looked.subscribe(() => {});
    expect([isListed(cache, "a"), isListed(cache, "z")]).toEqual([true, false]);
    leave();
    leaveToo();
  });

  it("asks for the time line again when the phase moved, and for the points when it was begun anew", () => {
    const cache = new QueryClient();
    const running = job("a", { status: "running", attempts: 1, progress: { ...job("a").progress, step: 3 } });
    cache.setQueryData(jobKeys.one("a"), running);
    for (const key of [jobKeys.timeline("a"), jobKeys.metrics("a")]) cache.setQueryData(key, {});
    const stale = () =>
      [jobKeys.timeline("a"), jobKeys.metrics("a")].map((key) => cache.getQueryState(key)?.isInvalidated);
    takeJob(cache, { ...running, progress: { ...running.progress, step: 4 } });
    expect(stale()).toEqual([false, false]);
    takeJob(cache, { ...running, progress: { ...running.progress, phase: "training" } });
    expect(stale()).toEqual([true, false]);
    takeJob(cache, { ...running, attempts: 2 });
    expect(stale()).toEqual([true, true]);
  });
});

describe("takeEvent and takePoints", () => {
  it("add what is new, once, in the order of the list", () => {
    const cache = new QueryClient();
    const event = (id: string) => ({ id, message: id }) as JobEvent;
    cache.setQueryData(jobKeys.events("a"), { object: "list", data: [event("1")], has_more: false });
    takeEvent(cache, "a", event("2"));
    takeEvent(cache, "a", event("2"));
    takeEvent(cache, "b", event("3"));
    expect((cache.getQueryData(jobKeys.events("a")) as { data: JobEvent[] }).data.map((e) => e.id)).toEqual(["2", "1"]);
    expect(cache.getQueryData(jobKeys.events("b"))).toBeUndefined();

    cache.setQueryData(jobKeys.metrics("a"), { data: [point(1), point(2)], n_points: 9 });
    takePoints(cache, "a", [point(2), point(4), point(3)]);
    const series = cache.getQueryData(jobKeys.metrics("a")) as { data: JobMetric[]; n_points: number };
    expect(series.data.map((each) => each.step)).toEqual([1, 2, 3, 4]);
    expect(series.n_points).toBe(11);
  });
});
