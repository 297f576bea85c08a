import { Button, Grid, Skeleton, Stack } from "@mantine/core";
import { IconChecklist, IconWand } from "@tabler/icons-react";
import { Link } from "react-router";
import type { JobCounts } from "@/api/generated";
import { useSession } from "@/app/session";
import { checklist } from "@/features/home/checklist";
import { ChecklistCard } from "@/features/home/checklist-card";
import { Examples } from "@/features/home/examples";
import { JobLines } from "@/features/home/job-lines";
import { useFacts } from "@/features/home/use-facts";
import { counted } from "@/lib/format";
import { useKept } from "@/lib/use-kept";
import { Loaded } from "@/ui/loaded";
import { Page } from "@/ui/page";

/** Before the first job: what this is and how to begin. After it: what runs, what came out, what to do next. */
export function HomePage() {
  const { user } = useSession();
  const { counts, facts } = useFacts();
  const [hidden, setHidden] = useKept("tunesmith-first-steps-hidden", (kept) => kept === true);
  const steps = checklist(facts, window.location.origin);
  const first = counts.data?.total === 0;
  return (
    <Page
      title={first ? `Welcome, ${user}` : "Home"}
      lead={lead(counts.data)}
      action={
        <Button component={Link} to="/tune" leftSection={<IconWand size={16} aria-hidden />}>
          Tune a model
        </Button>
      }
    >
      <Loaded query={counts} what="Your jobs" skeleton={<Skeleton h={360} radius="md" />}>
        {({ total }) => (
          <Grid gap="lg">
            <Grid.Col span={{ base: 12, md: hidden ? 12 : 7 }}>
              <Stack gap="xl">
                {total > 0 ? <JobLines /> : null}
                {total > 0 && hidden ? null : (
                  <Examples hasWorker={facts.workers === null ? null : facts.workers > 0} />
                )}
                {hidden ? (
                  <Button
                    variant="subtle"
                    color="gray"
                    leftSection={<IconChecklist size={16} aria-hidden />}
                    onClick={() => setHidden(false)}
                    style={{ alignSelf: "flex-start" }}
                  >
                    {total > 0 ? "Show the first steps and the demonstrations" : "Show the first steps"}
                  </Button>
                ) : null}
              </Stack>
            </Grid.Col>
            {hidden ? null : (
              <Grid.Col span={{ base: 12, md: 5 }}>
                <ChecklistCard steps={steps} onDismiss={() => setHidden(true)} />
              </Grid.Col>
            )}
          </Grid>
        )}
      </Loaded>
    </Page>
  );
}

function lead(counts: JobCounts | undefined): string {
  if (!counts) return "What runs, what came out, and what to do next.";
  if (counts.total === 0)
    return "Tunesmith trains a model on your examples and tells, with numbers, whether it became better than before.";
  const running = counts.by_status.running ?? 0;
  const waiting = (counts.by_status.queued ?? 0) + (counts.by_status.validating_files ?? 0);
  return `${counted(running, "job")} running, ${waiting} waiting, ${counts.by_status.succeeded ?? 0} completed.`;
}
