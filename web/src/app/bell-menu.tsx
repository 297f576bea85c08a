import { Anchor, Button, Group, ScrollArea, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconBellRinging } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import classes from "@/app/bell-menu.module.css";
import type { EndedRun } from "@/lib/ended-log";
import { Ago } from "@/ui/ago";
import { StateBadge } from "@/ui/state-badge";

/** What ended lately, each a way to its job; and whether the browser may tell it too. */
export function BellMenu(props: { runs: readonly EndedRun[]; onClose: () => void }) {
  return (
    <>
      <Text fw={600} px="md" py="sm">
        Ended runs
      </Text>
      {props.runs.length ? (
        <ScrollArea.Autosize mah="min(420px, 60vh)" type="auto">
          <ul className={classes.runs}>
            {props.runs.map((run) => (
              <li key={run.jobId}>
                <Run run={run} onOpen={props.onClose} />
              </li>
            ))}
          </ul>
        </ScrollArea.Autosize>
      ) : (
        <Stack gap="xs" px="md" pb="md">
          <Text size="sm" c="dimmed">
            No run has ended yet. When one does, it is told here, with what came of it.
          </Text>
          <Anchor component={Link} to="/tune" size="sm" onClick={props.onClose}>
            Tune a model
          </Anchor>
        </Stack>
      )}
      <Outside />
    </>
  );
}

function Run(props: { run: EndedRun; onOpen: () => void }) {
  const { run } = props;
  return (
    <UnstyledButton component={Link} to={`/jobs/${run.jobId}`} className={classes.run} onClick={props.onOpen}>
      <Group gap="xs" wrap="nowrap" justify="space-between">
        <Text size="sm" fw={run.seen ? 400 : 650} truncate>
          {run.seen ? null : <span className={classes.news} aria-hidden />}
          {run.name}
          {run.seen ? null : <span className="visually-hidden"> (new)</span>}
        </Text>
        <StateBadge status={run.status} />
      </Group>
      <Text size="sm" c="dimmed" lineClamp={2}>
        {run.sentence}
      </Text>
      <Text size="xs" c="dimmed">
        <Ago at={run.at} />
      </Text>
    </UnstyledButton>
  );
}

/** Asks the browser, when the person wants it to, whether runs may be told while they look elsewhere. */
function Outside() {
  const [allowed, setAllowed] = useState(() => ("Notification" in window ? Notification.permission : null));
  if (allowed === null || !window.isSecureContext) return null;
  return (
    <div className={classes.outside}>
      {allowed === "default" ? (
        <Button
          variant="default"
          size="xs"
          fullWidth
          leftSection={<IconBellRinging size={16} aria-hidden />}
          onClick={() => void Notification.requestPermission().then(setAllowed)}
        >
          Tell me while I look elsewhere
        </Button>
      ) : (
        <Text size="xs" c="dimmed">
          {allowed === "granted"
            ? "Your browser tells you too while you look elsewhere."
            : "Your browser keeps this page from telling you while you look elsewhere. Allow notifications in its settings for this site."}
        </Text>
      )}
    </div>
  );
}
