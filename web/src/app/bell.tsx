import { ActionIcon, Indicator, Popover, Skeleton, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBell } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { markSeen, useEndedRuns } from "@/app/ended-runs";
import { useWho } from "@/app/live";
import { unseen } from "@/lib/ended-log";

const BellMenu = lazy(async () => ({ default: (await import("@/app/bell-menu")).BellMenu }));

/** The latest ended runs, with how many of them are news. */
export function Bell() {
  const who = useWho();
  const log = useEndedRuns(who);
  const [open, { toggle, close }] = useDisclosure(false, { onClose: () => markSeen(who) });
  const news = unseen(log);
  const label = news ? `Ended runs, ${news} new` : "Ended runs";
  return (
    <Popover opened={open} onChange={(to) => to || close()} position="bottom-end" width={360} trapFocus returnFocus>
      <Popover.Target>
        <Tooltip label="Ended runs" disabled={open}>
          <Indicator label={news > 9 ? "9+" : news} size={16} offset={5} disabled={news === 0 || open} color="teal">
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              onClick={toggle}
              aria-label={label}
              aria-expanded={open}
            >
              <IconBell size={20} aria-hidden />
            </ActionIcon>
          </Indicator>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown p={0} aria-label="Ended runs">
        <Suspense fallback={<Skeleton h={160} />}>
          <BellMenu runs={log.runs} onClose={close} />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}
