import { Anchor, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCircleCheck, IconX } from "@tabler/icons-react";
import type { EndedRun } from "@/lib/ended-log";

const SHOWN_MS = 15_000;
const TITLES = { succeeded: "is done", failed: "failed", cancelled: "was cancelled" } as const;

/** Goes to a page of ours without loading it anew; set by the frame, which knows the router. */
let go: (path: string) => void = (path) => window.location.assign(path);

export function goBy(navigate: (path: string) => void): void {
  go = navigate;
}

/** Tells in the page that a run has ended, and through the system where the person allowed that and looks elsewhere. */
export function announce(run: EndedRun): void {
  const failed = run.status === "failed";
  const title = `${run.name} ${TITLES[run.status]}`;
  const path = `/jobs/${run.jobId}`;
  if (document.hasFocus() && window.location.pathname === path) return; // The page itself says it.
  notifications.show({
    id: `ended-${run.jobId}`,
    color: failed ? "red" : "green",
    icon: failed ? <IconX size={18} aria-hidden /> : <IconCircleCheck size={18} aria-hidden />,
    title,
    // Who looks elsewhere finds it when they come back.
    autoClose: document.visibilityState === "visible" ? SHOWN_MS : false,
    message: (
      <Stack gap={4}>
        <Text size="sm" lineClamp={3}>
          {run.sentence}
        </Text>
        <Anchor
          href={path}
          size="sm"
          onClick={(event) => {
            event.preventDefault();
            notifications.hide(`ended-${run.jobId}`);
            go(path);
          }}
        >
          Open the job
        </Anchor>
      </Stack>
    ),
  });
  if (!document.hasFocus()) tellSystem(title, run.sentence, path);
}

function tellSystem(title: string, body: string, path: string): void {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const told = new Notification(title, { body, tag: path, icon: "/icon.svg" });
    told.onclick = () => {
      window.focus();
      go(path);
      told.close();
    };
  } catch {
    // Chrome on a phone has the permission and only lets service workers use it: the page's own word stands.
  }
}
