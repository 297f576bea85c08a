import { type Draft, missing, type StepId } from "@/features/tune/draft";

export interface Step {
  id: StepId;
  /** In the row of steps. */
  name: string;
  /** Heading of the step's page. */
  title: string;
  lead: string;
}

export const STEPS: Step[] = [
  {
    id: "goal",
    name: "Goal",
    title: "What should the model do?",
    lead: "Choose the sentence that comes nearest. It decides which examples and which models fit.",
  },
  {
    id: "examples",
    name: "Examples",
    title: "Your examples",
    lead: "The model learns to do what your examples show. They stay on this server.",
  },
  {
    id: "model",
    name: "Model",
    title: "The model to start from",
    lead: "A base model that already knows language or proteins; your examples teach it the rest.",
  },
  {
    id: "settings",
    name: "Settings",
    title: "Settings",
    lead: "Everything is set, each with its reason. Change something only when you know better.",
  },
  {
    id: "review",
    name: "Review",
    title: "Review and start",
    lead: "Read it once more; nothing runs before you press the button.",
  },
];

/** What a step stands on. */
const NEEDS: Record<StepId, StepId[]> = {
  goal: [],
  examples: ["goal"],
  model: ["goal", "examples"],
  settings: ["goal", "examples", "model"],
  review: ["goal", "examples", "model"],
};

/** What must be done before the step opens; null when it is open. */
export function barrier(draft: Draft, step: StepId): { step: StepId; text: string } | null {
  return missing(draft).find((each) => NEEDS[step].includes(each.step)) ?? null;
}

/** Goal, examples and model are done when nothing of them is missing; settings and review were defaulted all along. */
export function isDone(draft: Draft, step: StepId): boolean {
  if (step === "review") return false;
  return !barrier(draft, step) && missing(draft).every((each) => each.step !== step);
}

/** The step to show: the one that was asked for, else the first that is not done; an earlier one where that is shut. */
export function stepToShow(draft: Draft, asked: string | null): StepId {
  const wanted = STEPS.find((step) => step.id === asked)?.id ?? firstOpen(draft);
  return barrier(draft, wanted)?.step ?? wanted;
}

function firstOpen(draft: Draft): StepId {
  return missing(draft)[0]?.step ?? "review";
}

export function neighbour(step: StepId, by: 1 | -1): StepId {
  const index = STEPS.findIndex((each) => each.id === step) + by;
  return STEPS[Math.min(STEPS.length - 1, Math.max(0, index))]?.id ?? step;
}
