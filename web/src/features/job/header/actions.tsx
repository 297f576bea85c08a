import { ActionIcon, Button, Group, Menu, Text, Tooltip } from "@mantine/core";
import { useClipboard, useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import {
  IconArrowUp,
  IconBan,
  IconCheck,
  IconCopy,
  IconDotsVertical,
  IconGitCompare,
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
} from "@tabler/icons-react";
import { Link } from "react-router";
import { messageOf } from "@/api/error";
import type { Job, JobUpdate, Priority } from "@/api/generated";
import { type JobAction, useJobAction, useJobUpdate } from "@/api/job";
import { RenameDialog } from "@/features/job/header/rename-dialog";
import { jobName, may } from "@/lib/job-words";
import { askFirst } from "@/ui/ask-first";

const PRIORITIES: { value: Priority; label: string }[] = [
  { value: "high", label: "High: before the others" },
  { value: "normal", label: "Normal" },
  { value: "low", label: "Low: after the others" },
];

/** What may be asked of the job in its state. */
export function Actions(props: { job: Job; onCompare: () => void }) {
  const { job } = props;
  const action = useJobAction(job.id);
  const update = useJobUpdate(job.id);
  const [renaming, rename] = useDisclosure(false);
  const clipboard = useClipboard({ timeout: 1500 });
  const allowed = may(job);

  function act(asked: JobAction): void {
    action.mutate(asked, { onError: (error) => refused(`The job could not be ${DONE[asked]}`, error) });
  }
  function change(to: JobUpdate): void {
    update.mutate(to, { onError: (error) => refused("The job could not be changed", error) });
  }

  return (
    <Group gap="xs">
      {allowed.pause ? (
        <Button
          variant="default"
          leftSection={<IconPlayerPause size={16} aria-hidden />}
          loading={action.isPending && action.variables === "pause"}
          onClick={() => act("pause")}
        >
          Pause
        </Button>
      ) : null}
      {allowed.resume ? (
        <Button
          leftSection={<IconPlayerPlay size={16} aria-hidden />}
          loading={action.isPending && action.variables === "resume"}
          onClick={() => act("resume")}
        >
          {job.status === "running" ? "Do not pause" : "Resume"}
        </Button>
      ) : null}
      {allowed.cancel ? (
        <Button
          variant="default"
          color="red"
          leftSection={<IconBan size={16} aria-hidden />}
          loading={action.isPending && action.variables === "cancel"}
          onClick={() => confirmCancel(job, () => act("cancel"))}
        >
          Cancel
        </Button>
      ) : (
        <Button
          component={Link}
          to={`/tune?clone=${job.id}`}
          variant="default"
          leftSection={<IconCopy size={16} aria-hidden />}
        >
          Clone
        </Button>
      )}
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <Tooltip label="More actions">
            <ActionIcon variant="default" size={36} aria-label="More actions">
              <IconDotsVertical size={18} />
            </ActionIcon>
          </Tooltip>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} aria-hidden />} onClick={rename.open}>
            Rename
          </Menu.Item>
          <Menu.Item
            closeMenuOnClick={false}
            leftSection={clipboard.copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
            onClick={() => clipboard.copy(job.id)}
          >
            {clipboard.copied ? "Copied" : "Copy the job's id"}
          </Menu.Item>
          {allowed.cancel ? (
            <Menu.Item component={Link} to={`/tune?clone=${job.id}`} leftSection={<IconCopy size={16} aria-hidden />}>
              Clone
            </Menu.Item>
          ) : null}
          <Menu.Item leftSection={<IconGitCompare size={16} aria-hidden />} onClick={props.onCompare}>
            Compare settings with another job
          </Menu.Item>
          {allowed.prioritise ? (
            <>
              <Menu.Divider />
              <Menu.Label>Priority in the queue</Menu.Label>
              {PRIORITIES.map(({ value, label }) => (
                <Menu.Item
                  key={value}
                  leftSection={
                    job.priority === value ? (
                      <IconCheck size={16} aria-hidden />
                    ) : (
                      <IconArrowUp size={16} opacity={0} aria-hidden />
                    )
                  }
                  aria-current={job.priority === value}
                  onClick={() => change({ priority: value })}
                >
                  {label}
                </Menu.Item>
              ))}
            </>
          ) : null}
        </Menu.Dropdown>
      </Menu>
      {renaming ? (
        <RenameDialog
          name={job.name ?? ""}
          shown={jobName(job)}
          onClose={rename.close}
          onRename={(name) => change({ name })}
        />
      ) : null}
    </Group>
  );
}

const DONE: Record<JobAction, string> = { pause: "paused", resume: "resumed", cancel: "cancelled" };

function confirmCancel(job: Job, onConfirm: () => void): void {
  askFirst({
    title: `Cancel ${jobName(job)}?`,
    children: (
      <Text size="sm">
        It ends at once and cannot be resumed; what it learned since its last published checkpoint is lost. To go on
        later, pause it instead.
      </Text>
    ),
    labels: { confirm: "Cancel the job", cancel: "Let it run" },
    confirmProps: { color: "red" },
    onConfirm,
  });
}

function refused(title: string, error: unknown): void {
  notifications.show({ color: "red", title, message: messageOf(error) });
}
