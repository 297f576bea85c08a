import { Badge, Group, Radio, Stack, Text } from "@mantine/core";
import type { JobEstimate } from "@/api/generated";
import type { Fit } from "@/features/tune/model/fit";
import { FitBadge } from "@/features/tune/model/fit-badge";
import classes from "@/features/tune/model/model-step.module.css";
import { context, size, source } from "@/features/tune/model/model-words";
import type { Offer } from "@/features/tune/model/offers";
import { bytes } from "@/lib/format";

/** One model to choose: what it is, what it may be used for, and whether it fits. */
export function ModelCard(props: {
  offer: Offer;
  fit: Fit;
  estimate: JobEstimate | undefined;
  /** Why it is the one to begin with. */
  recommended?: string;
}) {
  const { offer, fit } = props;
  const { base, tuned } = offer;
  return (
    <Radio.Card value={offer.id} className={classes.card} radius="md" aria-label={labelOf(offer, fit)}>
      <Group justify="space-between" align="flex-start" wrap="nowrap" gap="xs" w="100%">
        <Group gap="xs" wrap="nowrap" align="flex-start">
          <Radio.Indicator mt={2} />
          <Text fw={600} className={classes.title}>
            {offer.title}
          </Text>
        </Group>
        <FitBadge state={fit.state} />
      </Group>
      <Text size="sm" className={classes.fit} c={fit.state === "unknown" ? "red" : undefined}>
        {fit.state === "asking" ? `Needs about ${bytes(base.needs_memory_bytes)} at the usual settings.` : fit.text}
      </Text>
      <Stack gap={2}>
        <Text size="sm" c="dimmed">
          {tuned ? `Tuned from ${base.title}` : `${size(base.parameters)}, ${context(base)}`}
        </Text>
        <Text size="sm" c="dimmed">
          {source(base, props.estimate)}
        </Text>
        <Text size="sm" c="dimmed">
          Licence: {base.licence}
        </Text>
        {base.gated ? (
          <Text size="sm">
            Gated: accept its licence on the Hub, and start the worker with that account's <code>HF_TOKEN</code>.
          </Text>
        ) : null}
        {tuned ? <Text size="sm">{tuned.comparisons[0]?.sentence ?? "Not compared with its base."}</Text> : null}
      </Stack>
      {props.recommended ? (
        <Stack gap={4} align="flex-start">
          <Badge variant="filled" autoContrast tt="none">
            Recommended
          </Badge>
          <Text size="sm">{props.recommended}</Text>
        </Stack>
      ) : null}
    </Radio.Card>
  );
}

function labelOf(offer: Offer, fit: Fit): string {
  const words = {
    asking: "",
    fits: ", fits",
    tight: ", tight",
    does_not_fit: ", does not fit",
    no_worker: "",
    unknown: "",
  };
  return `${offer.title}${words[fit.state]}`;
}
