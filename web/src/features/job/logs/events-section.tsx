import { Alert, Text, Timeline } from "@mantine/core";
import { IconAlertTriangle, IconPoint, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { Job, JobEvent } from "@/api/generated";
import { eventsOptions } from "@/api/job";
import { count } from "@/lib/format";
import { Ago } from "@/ui/ago";
import { Loaded } from "@/ui/loaded";

const LOOKS = {
  info: { icon: IconPoint, color: "gray" },
  warn: { icon: IconAlertTriangle, color: "yellow" },
  error: { icon: IconX, color: "red" },
} as const;

/** What happened to the job, in words, newest first. */
export function EventsSection(props: { job: Job }) {
  const events = useQuery(eventsOptions(props.job.id));
  return (
    <Loaded query={events} what="The events">
      {(page) =>
        page.data.length === 0 ? (
          <Alert color="gray" title="Nothing has happened yet">
            Each step of the job is told here: who took it, what was found, what was made.
          </Alert>
        ) : (
          <>
            <Timeline bulletSize={24} lineWidth={2} maw={800}>
              {page.data.map((event) => (
                <Told key={event.id} event={event} />
              ))}
            </Timeline>
            {page.has_more ? (
              <Text size="sm" c="dimmed" mt="md">
                The newest {count(page.data.length)} events. Earlier ones are in GET /v1/fine_tuning/jobs/{props.job.id}
                /events.
              </Text>
            ) : null}
          </>
        )
      }
    </Loaded>
  );
}

function Told(props: { event: JobEvent }) {
  const { event } = props;
  const { icon: EventIcon, color } = LOOKS[event.level];
  return (
    <Timeline.Item bullet={<EventIcon size={14} aria-label={event.level} />} color={color}>
      <Text size="sm" style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
        {event.message}
      </Text>
      <Text size="xs" c="dimmed">
        <Ago at={event.created_at} />
      </Text>
    </Timeline.Item>
  );
}
