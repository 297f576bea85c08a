import { ActionIcon, Menu } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import {
  IconArrowsDownUp,
  IconBan,
  IconCheck,
  IconCopy,
  IconDots,
  IconExternalLink,
  IconPlayerPause,
  IconPlayerPlay,
  IconWand,
} from "@tabler/icons-react";
import { Link } from "react-router";
import type { Job, Priority } from "@/api/generated";
import type { JobActions } from "@/features/jobs/use-job-actions";
import { jobName, may } from "@/lib/job-words";

const PRIORITIES: { value: Priority; label: string }[] = [
  { value: "high", label: "High: before the others" },
  { value: "normal", label: "Normal" },
  { value: "low", label: "Low: after the others" },
];

/** What can be done with one job; what its state forbids is not listed. */
export function RowMenu(props: { job: Job; actions: JobActions }) {
  const { job, actions } = props;
  const allowed = may(job);
  return (
    <Menu position="bottom-end" width={220} withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${jobName(job)}`}>
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to={`/jobs/${job.id}`} leftSection={<IconExternalLink size={16} aria-hidden />}>
          Open
        </Menu.Item>
        <Menu.Item component={Link} to={`/tune?clone=${job.id}`} leftSection={<IconWand size={16} aria-hidden />}>
          Clone with changes
        </Menu.Item>
        <CopyId id={job.id} />
        {allowed.prioritise ? (
          <Menu.Sub>
            <Menu.Sub.Target>
              <Menu.Sub.Item leftSection={<IconArrowsDownUp size={16} aria-hidden />}>Priority</Menu.Sub.Item>
            </Menu.Sub.Target>
            <Menu.Sub.Dropdown>
              {PRIORITIES.map(({ value, label }) => (
                <Menu.Item
                  key={value}
                  onClick={() => actions.prioritise(job, value)}
                  aria-current={job.priority === value}
                  rightSection={job.priority === value ? <IconCheck size={14} aria-hidden /> : null}
                >
                  {label}
                </Menu.Item>
              ))}
            </Menu.Sub.Dropdown>
          </Menu.Sub>
        ) : null}
        {allowed.pause ? (
          <Menu.Item leftSection={<IconPlayerPause size={16} aria-hidden />} onClick={() => actions.pause(job)}>
            Pause
          </Menu.Item>
        ) : null}
        {allowed.resume ? (
          <Menu.Item leftSection={<IconPlayerPlay size={16} aria-hidden />} onClick={() => actions.resume(job)}>
            {job.status === "running" ? "Do not pause" : "Resume"}
          </Menu.Item>
        ) : null}
        {allowed.cancel ? (
          <>
            <Menu.Divider />
            <Menu.Item
              color="red"
              leftSection={<IconBan size={16} aria-hidden />}
              onClick={() => actions.cancel([job])}
            >
              Cancel
            </Menu.Item>
          </>
        ) : null}
      </Menu.Dropdown>
    </Menu>
  );
}

function CopyId(props: { id: string }) {
  const { copy } = useClipboard();
  function copyId() {
    copy(props.id);
    notifications.show({ message: `Copied ${props.id}`, color: "teal" });
  }
  return (
    <Menu.Item leftSection={<IconCopy size={16} aria-hidden />} onClick={copyId}>
      Copy id
    </Menu.Item>
  );
}
