import { type Connection, EventStream, type LiveMessage } from "@/lib/event-stream";
import { currentProject } from "@/lib/project";

type Listener = Connection["onMessage"];

const listeners = new Set<Listener>();
const refused = new Set<(status: number) => void>();

/** The tab's one stream; what it hears goes to everyone who listens. */
export const liveStream = new EventStream({
  open: ({ after, watch }, signal) => {
    const query = new URLSearchParams(watch.map((jobId) => ["watch", jobId]));
    if (after) query.set("after", after);
    const headers = new Headers({ accept: "text/event-stream" });
    const project = currentProject();
    if (project) headers.set("OpenAI-Project", project);
    return fetch(`/v1/live?${query}`, { headers, signal, credentials: "same-origin", cache: "no-store" });
  },
  onMessage: (message, context) => {
    for (const listener of listeners) listener(message, context);
  },
  onRefused: (status) => {
    for (const listener of refused) listener(status);
  },
});

export function onLive(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function onLiveRefused(listener: (status: number) => void): () => void {
  refused.add(listener);
  return () => refused.delete(listener);
}

export type { LiveMessage };
