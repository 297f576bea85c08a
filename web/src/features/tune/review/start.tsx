import { Alert, Button, Group, Stack } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft, IconArrowRight, IconPlayerPlay } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { messageOf } from "@/api/error";
import type { StepId } from "@/features/tune/draft";
import { STEPS } from "@/features/tune/steps";

/** What keeps the job from being started: where it is mended, and the word on the button. */
export interface Lack {
  step: StepId;
  text: string;
}

/** The button that starts, or that says what is missing and leads there. */
export function Start(props: {
  lack: Lack | null;
  busy: boolean;
  /** A refusal that no field of this step can show. */
  refusal: { error: unknown; step: StepId | null } | null;
  start: () => void;
  go: (step: StepId) => void;
  back: () => void;
}) {
  const { lack, refusal } = props;
  const step = refusal?.step;
  return (
    <Stack gap="md">
      {refusal ? (
        <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="The job was not started" role="alert">
          <Stack gap="sm" align="flex-start">
            {messageOf(refusal.error)}
            {step ? (
              <Button variant="default" onClick={() => props.go(step)}>
                Go to {nameOf(step)}
              </Button>
            ) : null}
          </Stack>
        </Alert>
      ) : null}
      <Group justify="space-between" gap="sm">
        <Button variant="subtle" color="gray" leftSection={<IconArrowLeft size={16} />} onClick={props.back}>
          Back
        </Button>
        {lack ? (
          <Wide icon={<IconArrowRight size={16} />} onClick={() => props.go(lack.step)} light>
            {lack.text}
          </Wide>
        ) : (
          <Wide icon={<IconPlayerPlay size={16} />} onClick={props.start} loading={props.busy}>
            Start training
          </Wide>
        )}
      </Group>
    </Stack>
  );
}

function Wide(props: {
  icon: ReactNode;
  onClick: () => void;
  loading?: boolean;
  light?: boolean;
  children: ReactNode;
}) {
  return (
    <Button
      size="md"
      variant={props.light ? "light" : "filled"}
      leftSection={props.icon}
      onClick={props.onClick}
      loading={props.loading}
    >
      {props.children}
    </Button>
  );
}

function nameOf(step: StepId): string {
  return STEPS.find((each) => each.id === step)?.name ?? step;
}
