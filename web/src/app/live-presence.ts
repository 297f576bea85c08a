import { liveStream } from "@/app/live-stream";

const LOOKED_AWAY_MS = 60_000;
const LOCK = "tunesmith-live";

/**
 * Keeps the stream while the tab is looked at. A browser makes few connections to one server, and many tabs would use
 * them up: of the tabs that nobody looks at only one goes on listening, so that it can tell when a run has ended.
 */
export function keepPresent(): () => void {
  let chosen = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const released = new AbortController();

  const look = () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") {
      liveStream.start();
      liveStream.hurry();
    } else if (!chosen) {
      timer = setTimeout(() => liveStream.stop(), LOOKED_AWAY_MS);
    }
  };
  const hurry = () => liveStream.hurry();

  void becomeChosen(released.signal, () => {
    chosen = true;
    clearTimeout(timer);
    liveStream.start();
  });
  document.addEventListener("visibilitychange", look);
  window.addEventListener("online", hurry);
  liveStream.start();
  look();
  return () => {
    clearTimeout(timer);
    released.abort();
    document.removeEventListener("visibilitychange", look);
    window.removeEventListener("online", hurry);
    liveStream.stop();
  };
}

/** Calls back when this tab is the one that always listens; it stays so until it is closed or released. */
async function becomeChosen(released: AbortSignal, then: () => void): Promise<void> {
  if (!("locks" in navigator)) return; // Pages that came over plain http from another machine have none.
  try {
    await navigator.locks.request(LOCK, { signal: released }, () => {
      if (released.aborted) return undefined;
      then();
      return new Promise<void>((done) => released.addEventListener("abort", () => done()));
    });
  } catch (error) {
    if (!released.aborted) throw error;
  }
}
