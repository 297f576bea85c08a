import { Anchor, Skeleton, Stack, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import type { JobEstimate } from "@/api/generated";
import { WorkerFits } from "@/features/tune/settings/worker-fits";
import { CopyText } from "@/ui/copy-text";

/** Which workers can run the job and why the others cannot; with none connected, how one is. */
export function Where(props: { estimate: JobEstimate | null; failed: boolean }) {
  const { estimate } = props;
  return (
    <Stack gap="sm">
      <Title order={3}>Where it runs</Title>
      {estimate ? (
        <Found estimate={estimate} />
      ) : props.failed ? (
        <Text>It cannot be told now.</Text>
      ) : (
        <Skeleton h={60} />
      )}
    </Stack>
  );
}

function Found(props: { estimate: JobEstimate }) {
  const { workers, worker } = props.estimate;
  const connected = workers.some((each) => each.connected);
  const able = workers.filter((each) => each.connected && each.fits !== "does_not_fit");
  return (
    <>
      {connected ? (
        <Text size="sm">{takes(able.length)}</Text>
      ) : (
        <Text size="sm">No worker is connected now. The job is kept and waits; a worker that connects takes it.</Text>
      )}
      <WorkerFits workers={workers} chosen={worker} />
      {connected ? null : <HowToConnect />}
    </>
  );
}

function takes(n: number): string {
  if (n === 0) return "No connected worker can run it as it is. It would wait for one that can.";
  return n === 1 ? "One worker can take it, as soon as it is free." : "The first of these that is free takes it.";
}

function HowToConnect() {
  return (
    <Stack gap="xs">
      <Text size="sm">
        On this machine, <code>tunesmith up</code> starts one with the server. On another, make a worker key under{" "}
        <Anchor component={Link} to="/settings/keys" size="sm" underline="always">
          Settings
        </Anchor>
        , and run there:
      </Text>
      <CopyText what="command" text={`export TUNESMITH_URL=${window.location.origin} FINETUNE_WORKER_KEY=tsw_...`} />
      <CopyText what="command" text="tunesmith worker" />
    </Stack>
  );
}
