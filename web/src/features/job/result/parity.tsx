import { Anchor, Card, Group, Stack, Text } from "@mantine/core";
import { IconCircleCheck, IconClock, IconInfoCircle, IconX } from "@tabler/icons-react";
import type { Delivery, Parity } from "@/api/generated";
import { count, percent } from "@/lib/format";
import { Ago } from "@/ui/ago";
import { CopyText } from "@/ui/copy-text";
import { Term } from "@/ui/term";

const PARITY = {
  passed: { icon: IconCircleCheck, color: "green", text: "Served as it was trained" },
  failed: { icon: IconX, color: "red", text: "Served differently from how it was trained" },
  pending: { icon: IconClock, color: "yellow", text: "Not checked yet" },
  impossible: { icon: IconInfoCircle, color: "gray", text: "Cannot be checked" },
} as const;

/** Whether the engine makes the same tokens of the same prompts as training did. */
export function ParityCard(props: { parity: Parity }) {
  const { parity } = props;
  const { icon: ParityIcon, color, text } = PARITY[parity.status];
  return (
    <Card component="section">
      <Stack gap={6}>
        <Text component="h3" size="xs" c="dimmed">
          <Term means="The same held-out prompts are put to the engine that serves the model: the tokens it reads and what it makes of them must be those of training.">
            Parity
          </Term>
        </Text>
        <Group gap={8} wrap="nowrap">
          <ParityIcon size={20} color={`var(--mantine-color-${color}-7)`} style={{ flexShrink: 0 }} aria-hidden />
          <Text fw={600}>{text}</Text>
        </Group>
        <Text size="sm" c="dimmed">
          {parity.status === "pending"
            ? "An engine answers the probes as soon as one is connected."
            : `${count(parity.prompts_equal)} of ${count(parity.n_probes)} prompts have the same tokens${
                parity.output_agreement == null ? "" : `, ${percent(parity.output_agreement)} of the outputs agree`
              }.`}
          {parity.note ? ` ${parity.note}` : ""}
        </Text>
        {parity.checked_at ? (
          <Text size="xs" c="dimmed">
            Checked <Ago at={parity.checked_at} />
          </Text>
        ) : null}
      </Stack>
    </Card>
  );
}

/** Where the model was pushed to, or why it was not. */
export function Delivered(props: { delivery: Delivery }) {
  const { delivery } = props;
  const pushed = delivery.status === "pushed";
  return (
    <Card component="section">
      <Stack gap={6}>
        <Text component="h3" size="xs" c="dimmed">
          Pushed to the hub
        </Text>
        <Group gap={8} wrap="nowrap">
          {pushed ? (
            <IconCircleCheck size={20} color="var(--mantine-color-green-7)" aria-hidden />
          ) : (
            <IconX size={20} color="var(--mantine-color-red-7)" aria-hidden />
          )}
          <Text fw={600} style={{ overflowWrap: "anywhere" }}>
            {pushed ? `It lies at ${delivery.repo}` : `It was not pushed to ${delivery.repo}`}
          </Text>
        </Group>
        {delivery.url && /^https:\/\//.test(delivery.url) ? (
          <Anchor href={delivery.url} target="_blank" rel="noreferrer" size="sm">
            Open it on the hub
          </Anchor>
        ) : null}
        {delivery.note ? (
          <Text size="sm" c="dimmed">
            {delivery.note}
          </Text>
        ) : null}
        {delivery.commit ? (
          <CopyText text={delivery.commit} shown={delivery.commit.slice(0, 10)} what="the commit" />
        ) : null}
      </Stack>
    </Card>
  );
}
