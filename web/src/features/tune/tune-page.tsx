import { Skeleton, Stack, Text, Title } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { type DraftHandle, type StepId, type StepProps, taskOf, useDraft } from "@/features/tune/draft";
import { DraftNote } from "@/features/tune/draft-note";
import { Prefill } from "@/features/tune/prefill";
import { StepRow } from "@/features/tune/step-row";
import { neighbour, STEPS, stepToShow } from "@/features/tune/steps";
import { Page } from "@/ui/page";

const PARTS: Record<StepId, React.ComponentType<StepProps>> = {
  goal: lazy(async () => ({ default: (await import("@/features/tune/goal/goal-step")).GoalStep })),
  examples: lazy(async () => ({ default: (await import("@/features/tune/examples/examples-step")).ExamplesStep })),
  model: lazy(async () => ({ default: (await import("@/features/tune/model/model-step")).ModelStep })),
  settings: lazy(async () => ({ default: (await import("@/features/tune/settings/settings-step")).SettingsStep })),
  review: lazy(async () => ({ default: (await import("@/features/tune/review/review-step")).ReviewStep })),
};

/** From examples to a running job in five steps; `?step=` says which, so that the browser's own back works. */
export function TunePage() {
  const [search] = useSearchParams();
  const handle = useDraft();
  const filled = search.has("clone") || search.has("dataset") || search.has("file");
  return (
    <Page
      title="Tune a model"
      lead="From your examples to a model that does it better, in five steps."
      action={<DraftNote handle={handle} />}
    >
      {filled ? <Prefill search={search} handle={handle} /> : <Steps asked={search.get("step")} handle={handle} />}
    </Page>
  );
}

function Steps(props: { asked: string | null; handle: DraftHandle }) {
  const { asked, handle } = props;
  const navigate = useNavigate();
  const step = stepToShow(handle.draft, asked);
  useFreshForTask(handle, step);
  const go = (to: StepId) => void navigate(`/tune?step=${to}`);
  // What leads here without a step, or to one that is shut, is not a place to come back to.
  if (step !== asked) return <Navigate to={`/tune?step=${step}`} replace />;
  const Part = PARTS[step];
  return (
    <Stack gap="lg">
      <StepRow draft={handle.draft} current={step} />
      <StepHeading step={step}>
        <Suspense fallback={<Skeleton h={320} />}>
          <Part
            draft={handle.draft}
            set={handle.set}
            next={() => go(neighbour(step, 1))}
            back={() => go(neighbour(step, -1))}
          />
        </Suspense>
      </StepHeading>
    </Stack>
  );
}

/** Model and settings belong to a task: once one goes on with another goal they begin anew. Not while goals are looked
 *  through, so that nothing is lost by it. */
function useFreshForTask({ draft, set }: DraftHandle, step: StepId): void {
  const task = taskOf(draft);
  useEffect(() => {
    if (step === "goal" || !task || task === draft.forTask) return;
    const fresh = draft.forTask ? { baseModel: null, adaptation: null, hyperparameters: {} } : {};
    set({ forTask: task, ...fresh });
  }, [step, task, draft.forTask, set]);
}

/** The heading has the focus once a step was changed, so that a screen reader says where one is. */
function StepHeading(props: { step: StepId; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const shown = useRef(props.step);
  useEffect(() => {
    if (shown.current !== props.step) heading.current?.focus();
    shown.current = props.step;
  }, [props.step]);
  const index = STEPS.findIndex((step) => step.id === props.step);
  const step = STEPS[index];
  return (
    <Stack gap="md" component="section" aria-labelledby="step-title">
      <Stack gap={4} maw={720}>
        <Title order={2} id="step-title" ref={heading} tabIndex={-1} style={{ outline: "none" }}>
          <span className="visually-hidden">Step {index + 1} of 5: </span>
          {step?.title}
        </Title>
        <Text c="dimmed">{step?.lead}</Text>
      </Stack>
      {props.children}
    </Stack>
  );
}
