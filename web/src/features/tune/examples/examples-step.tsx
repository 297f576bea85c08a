import { Stack, Text } from "@mantine/core";
import { useRef } from "react";
import { type Draft, type Goal, missing, type StepProps } from "@/features/tune/draft";
import { AddExamples } from "@/features/tune/examples/add-examples";
import { NOTHING_CHOSEN } from "@/features/tune/examples/chosen";
import { Found } from "@/features/tune/examples/found";
import { GOALS } from "@/features/tune/goal/goals";
import { StepButtons } from "@/features/tune/step-buttons";

/** First a way to bring examples; then what was found in them, mended where it must be. */
export function ExamplesStep(props: StepProps) {
  const { draft, set } = props;
  const added = useRef(false);
  if (!draft.goal) return null;
  const lacks = missing(draft).find((each) => each.step === "examples");

  function choose(change: Partial<Draft>): void {
    added.current = true;
    set(change);
  }

  return (
    <Stack gap="md">
      {draft.fileId ? (
        <Found
          draft={draft}
          goal={draft.goal}
          fileId={draft.fileId}
          set={set}
          focus={added.current}
          onOthers={() => set(NOTHING_CHOSEN)}
        />
      ) : (
        <>
          <Needs goal={draft.goal} />
          <AddExamples goal={draft.goal} onAdded={choose} />
        </>
      )}
      <StepButtons back={props.back} next={props.next} nextLabel="Choose a model" lacks={lacks?.text} />
    </Stack>
  );
}

function Needs(props: { goal: Goal }) {
  const words = GOALS[props.goal];
  return (
    <Text>
      For “{words.title}”: {words.needs}
    </Text>
  );
}
