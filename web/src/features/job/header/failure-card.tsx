import { Alert, Button, Code, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { Link } from "react-router";
import type { Job, JobError } from "@/api/generated";
import { cloneQuery, type FailureAction, failureHelp } from "@/features/job/header/failure-help";

const LABELS: Record<FailureAction, string> = {
  smaller: "Start again with a smaller batch",
  gentler: "Start again with a third of the rate",
  again: "Start it again",
  data: "Open the data's report",
  settings: "Change the settings",
  logs: "Read the log",
};

/** Why it failed and what to do, with the button that does it; what the run itself said comes below. */
export function FailureCard(props: { job: Job; error: JobError; onTab: (tab: string) => void }) {
  const { job, error } = props;
  const help = failureHelp(error.code);
  // A job that no worker began has no log to read.
  const wrote = job.started_at != null;
  const action = help.action === "logs" && !wrote ? "again" : help.action;
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle aria-hidden />} title={help.cause} role="region">
      <Stack gap="sm">
        <Text>{help.fix}</Text>
        <Group gap="sm">
          {action === "logs" ? (
            <Button color="red" onClick={() => props.onTab("logs")}>
              {LABELS.logs}
            </Button>
          ) : (
            <Button color="red" component={Link} to={cloneQuery(job, action)}>
              {LABELS[action]}
            </Button>
          )}
          {action === "logs" ? (
            <Button variant="default" component={Link} to={cloneQuery(job, "again")}>
              {LABELS.again}
            </Button>
          ) : wrote ? (
            <Button variant="default" onClick={() => props.onTab("logs")}>
              {LABELS.logs}
            </Button>
          ) : null}
        </Group>
        <Code
          block
          style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere", maxHeight: 220, overflow: "auto" }}
          tabIndex={0}
        >
          {error.message}
        </Code>
        <Text size="xs" c="dimmed">
          Code: {error.code}
          {error.param ? `, field: ${error.param}` : ""}
        </Text>
      </Stack>
    </Alert>
  );
}
