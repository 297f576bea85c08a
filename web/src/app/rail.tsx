import { ActionIcon, AppShell, NavLink, Tooltip } from "@mantine/core";
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "react-router";
import { jobCounts } from "@/api/jobs";
import classes from "@/app/rail.module.css";
import { ROOMS } from "@/app/rooms";
import { counted } from "@/lib/format";

/** The pages, with a live dot and the count of running jobs. Narrow, it shows icons alone; a phone's drawer never is. */
export function Rail(props: { narrow: boolean; onNarrow: (narrow: boolean) => void }) {
  const { narrow } = props;
  const { pathname } = useLocation();
  const running = useRunning();
  const toggle = narrow ? "Widen the menu" : "Narrow the menu";
  return (
    <AppShell.Navbar p="sm" component="nav" aria-label="Pages" data-narrow={narrow || undefined}>
      <AppShell.Section grow>
        {ROOMS.map(({ path, label, icon: RoomIcon }) => {
          const live = path === "/jobs" && running > 0;
          const spoken = live ? `${label}, ${counted(running, "running", "running")}` : label;
          return (
            <Tooltip key={path} label={spoken} position="right" disabled={!narrow}>
              <NavLink
                component={Link}
                to={path}
                label={<span className={classes.label}>{label}</span>}
                leftSection={
                  <span className={classes.icon}>
                    <RoomIcon size={18} aria-hidden />
                    {live && narrow ? <span className={classes.dot} data-over /> : null}
                  </span>
                }
                rightSection={
                  live ? (
                    <span className={classes.running}>
                      <span className={classes.dot} />
                      {running}
                      <span className="visually-hidden"> running</span>
                    </span>
                  ) : undefined
                }
                className={classes.room}
                active={path === "/" ? pathname === "/" : pathname.startsWith(path)}
                aria-current={pathname === path ? "page" : undefined}
                aria-label={narrow ? spoken : undefined}
              />
            </Tooltip>
          );
        })}
      </AppShell.Section>
      <AppShell.Section visibleFrom="sm">
        <Tooltip label={toggle} position="right">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={() => props.onNarrow(!narrow)}
            aria-label={toggle}
            aria-pressed={narrow}
          >
            {narrow ? <IconLayoutSidebarLeftExpand size={18} /> : <IconLayoutSidebarLeftCollapse size={18} />}
          </ActionIcon>
        </Tooltip>
      </AppShell.Section>
    </AppShell.Navbar>
  );
}

/** How many jobs run now; the live stream has it counted again when one starts or ends. */
function useRunning(): number {
  return useQuery(jobCounts()).data?.by_status.running ?? 0;
}
