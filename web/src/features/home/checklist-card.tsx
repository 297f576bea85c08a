import { Button, Card, Group, Loader, Progress, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { Link } from "react-router";
import { nextStep, type Step, standOf } from "@/features/home/checklist";
import { CopyText } from "@/ui/copy-text";

/** The first steps, ticked by what is really there; it can be put away, and comes back by a button. */
export function ChecklistCard(props: { steps: Step[]; onDismiss: () => void }) {
  const { done, total, complete } = standOf(props.steps);
  const next = nextStep(props.steps);
  return (
    <Card padding="lg" component="section" aria-labelledby="first-steps">
      <Stack gap="md">
        <Group justify="space-between" wrap="nowrap">
          <Title order={2} id="first-steps">
            {complete ? "All set" : "First steps"}
          </Title>
          <Button variant="subtle" color="gray" size="compact-sm" onClick={props.onDismiss}>
            {complete ? "Put away" : "Hide"}
          </Button>
        </Group>
        <Stack gap={4}>
          <Progress value={(100 * done) / total} size="sm" aria-label="First steps done" />
          <Text size="xs" c="dimmed">
            {done} of {total} done
          </Text>
        </Stack>
        <Stack gap="md" component="ol" m={0} p={0} style={{ listStyle: "none" }}>
          {props.steps.map((step) => (
            <li key={step.id}>
              <StepLine step={step} first={step === next} />
            </li>
          ))}
        </Stack>
      </Stack>
    </Card>
  );
}

function StepLine(props: { step: Step; first: boolean }) {
  const { step, first } = props;
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start">
      <Tick done={step.done} />
      <Stack gap={6} flex={1} miw={0}>
        <div>
          <Text fw={600} c={step.done ? "dimmed" : undefined}>
            {step.title}
            {step.done ? <span className="visually-hidden"> (done)</span> : null}
          </Text>
          {step.done ? null : (
            <Text size="sm" c="dimmed">
              {step.why}
            </Text>
          )}
        </div>
        {step.done === false && step.command ? <CopyText text={step.command} what="command" /> : null}
        {step.done === false && step.action ? (
          <Group>
            <Button component={Link} to={step.action.to} size="compact-sm" variant={first ? "filled" : "default"}>
              {step.action.label}
            </Button>
          </Group>
        ) : null}
      </Stack>
    </Group>
  );
}

function Tick(props: { done: boolean | null }) {
  if (props.done === null) return <Loader size={20} aria-label="Looking" />;
  return props.done ? (
    <ThemeIcon size={20} radius="xl" color="teal" aria-hidden>
      <IconCheck size={14} />
    </ThemeIcon>
  ) : (
    <ThemeIcon size={20} radius="xl" variant="default" aria-hidden>
      {null}
    </ThemeIcon>
  );
}
