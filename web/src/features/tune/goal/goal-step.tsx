import { Group, Stack, Text } from "@mantine/core";
import { useId } from "react";
import type { Goal, StepProps } from "@/features/tune/draft";
import classes from "@/features/tune/goal/goal-step.module.css";
import { GOAL_ORDER, GOALS } from "@/features/tune/goal/goals";
import { StepButtons } from "@/features/tune/step-buttons";

/** Five goals in plain words. They are radio buttons: Tab enters, arrow keys choose. */
export function GoalStep(props: StepProps) {
  const name = useId();
  return (
    <Stack gap="sm">
      <Stack gap={8} role="radiogroup" aria-labelledby="step-title">
        {GOAL_ORDER.map((goal) => (
          <GoalCard
            key={goal}
            goal={goal}
            name={name}
            chosen={props.draft.goal === goal}
            onChoose={() => props.set({ goal })}
          />
        ))}
      </Stack>
      <StepButtons
        next={props.next}
        nextLabel="Add examples"
        lacks={props.draft.goal ? null : "Choose one of the five"}
      />
    </Stack>
  );
}

function GoalCard(props: { goal: Goal; name: string; chosen: boolean; onChoose: () => void }) {
  const words = GOALS[props.goal];
  const id = useId();
  return (
    <label className={classes.card} htmlFor={id}>
      <Group gap="md" wrap="nowrap" align="flex-start">
        <input
          id={id}
          type="radio"
          className="visually-hidden"
          name={props.name}
          value={props.goal}
          checked={props.chosen}
          onChange={props.onChoose}
          aria-label={words.title}
          aria-describedby={`${id}-about`}
        />
        <words.icon size={26} stroke={1.6} className={classes.icon} aria-hidden />
        <Stack gap={4} id={`${id}-about`}>
          <Text fw={600} size="lg">
            {words.title}
          </Text>
          <Text>{words.does}</Text>
          <Text c="dimmed" size="xs">
            Needs: {words.needs}
          </Text>
        </Stack>
      </Group>
      <div className={classes.case}>
        <div className={classes.given}>{words.given}</div>
        <Text size="xs" c="dimmed" pl={13}>
          {words.verb}
        </Text>
        <div className={classes.wanted}>{words.wanted}</div>
      </div>
    </label>
  );
}
