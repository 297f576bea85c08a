import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useSyncExternalStore } from "react";
import { api, body } from "@/api/client";
import type { Job } from "@/api/generated";
import { jobKeys } from "@/api/job-keys";
import { isListed, takeEvent, takeJob, takePoints } from "@/api/live-jobs";
import { noteEnded, notePast } from "@/app/ended-runs";
import { keepPresent } from "@/app/live-presence";
import { type LiveMessage, liveStream, onLive, onLiveRefused } from "@/app/live-stream";
import { dropListed, forgetNewJobs, noteNewJob } from "@/app/new-jobs";
import { useSession } from "@/app/session";
import type { StreamState } from "@/lib/event-stream";
import { ended } from "@/lib/job-words";

export { useNewJobs } from "@/app/new-jobs";

/** Told at the stream's beginning too: what happened while the page was on its way. */
const LOOK_BACK_S = 30;
const RECOUNT_MS = 400;
const PAST = 10;

/** Keeps what the page has asked for fresh: each change that the server tells is put where it is shown. */
export function Live(props: { children: ReactNode }) {
  const cache = useQueryClient();
  const who = useWho();
  useEffect(() => {
    const taking = new Taking(cache, who);
    const leave = [onLive(taking.take), onLiveRefused(taking.refused), taking.watchLists(), keepPresent()];
    return () => {
      for (const each of leave) each();
      liveStream.forget();
      forgetNewJobs();
      taking.end();
    };
  }, [cache, who]);
  return props.children;
}

/** Whose news this browser keeps: the person's in the project that is looked at. */
export function useWho(): string {
  const { user, project, sees_all } = useSession();
  return `${user}/${sees_all ? "*" : project.name}`;
}

/** While the page shows this job, its points come live and its worker reports more often. */
export function useWatch(jobId: string): void {
  useEffect(() => liveStream.watch(jobId), [jobId]);
}

/** How the connection to the server stands. */
export function useLiveState(): StreamState {
  return useSyncExternalStore(liveStream.subscribe, liveStream.snapshot);
}

class Taking {
  private readonly cache: QueryClient;
  private readonly who: string;
  /** In seconds, by the server's clock. */
  private since = Number.POSITIVE_INFINITY;
  private readonly statuses = new Map<string, Job["status"]>();
  private pastIsNoted = false;
  private recount: ReturnType<typeof setTimeout> | undefined;

  constructor(cache: QueryClient, who: string) {
    this.cache = cache;
    this.who = who;
  }

  readonly take = (message: LiveMessage, context: { first: boolean; serverNow: number }): void => {
    if (message.object === "live.hello") {
      if (!this.pastIsNoted) void this.notePast(context.serverNow);
      if (context.first) this.since = context.serverNow - LOOK_BACK_S;
      // The page that has just begun holds nothing old; one that was away too long asks for all again.
      else if (!message.resumed) void this.cache.invalidateQueries();
    } else if (message.object === "live.job") {
      this.takeJob(message.job);
    } else if (message.object === "live.event") {
      takeEvent(this.cache, message.job_id, message.event);
    } else {
      takePoints(this.cache, message.job_id, message.points);
    }
  };

  /** What ended while this browser was not there. Where it cannot be asked for, the next hello asks again. */
  private async notePast(now: number): Promise<void> {
    this.pastIsNoted = true;
    try {
      const query = { status: ["succeeded", "failed", "cancelled"], sort: "finished_at", limit: PAST } as const;
      const { data } = await body(
        api.GET("/v1/fine_tuning/jobs", { params: { query: { ...query, status: [...query.status] } } }),
      );
      notePast(this.who, data, now);
    } catch {
      this.pastIsNoted = false;
    }
  }

  readonly refused = (): void => {
    void this.cache.invalidateQueries({ queryKey: ["session"] });
  };

  /** New jobs are new until a list shows them. */
  watchLists(): () => void {
    return this.cache.getQueryCache().subscribe((event) => {
      const [noun, what] = event.query.queryKey;
      if (event.type === "updated" && event.action.type === "success" && noun === "jobs" && what === "list") {
        dropListed((jobId) => isListed(this.cache, jobId));
      }
    });
  }

  end(): void {
    clearTimeout(this.recount);
  }

  private takeJob(job: Job): void {
    const { before } = takeJob(this.cache, job);
    const known = this.statuses.get(job.id) ?? before?.status;
    this.statuses.set(job.id, job.status);
    if (known !== job.status) this.recountSoon();
    if (job.created_at >= this.since && !isListed(this.cache, job.id)) noteNewJob(job.id);
    const justEnded = job.finished_at !== null && job.finished_at >= this.since;
    if (ended(job.status) && justEnded) noteEnded(this.who, job);
    if (ended(job.status)) this.statuses.delete(job.id);
  }

  private recountSoon(): void {
    this.recount ??= setTimeout(() => {
      this.recount = undefined;
      void this.cache.invalidateQueries({ queryKey: jobKeys.allCounts });
    }, RECOUNT_MS);
  }
}
