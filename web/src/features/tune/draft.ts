import { useMemo, useSyncExternalStore } from "react";
import type { Adaptation, Hyperparameters, JobCreate, Priority, RecordKind, Task } from "@/api/generated";
import { useSession } from "@/app/session";
import { type DraftStore, draftStore } from "@/features/tune/draft-store";
import { currentProject } from "@/lib/project";

export type Goal = "chat" | "extract" | "classify" | "search" | "protein";
export type StepId = "goal" | "examples" | "model" | "settings" | "review";
export type Setting = number | string | boolean | number[];

/** All that a person has chosen on the way to a job. null and "" mean: not said, the server's default holds. */
export interface Draft {
  goal: Goal | null;
  /** The task that model and settings were chosen for; with another goal they begin anew. */
  forTask: Task | null;
  fileId: string | null;
  datasetId: string | null;
  datasetName: string | null;
  version: number | null;
  /** What the file's records are; null while nobody has looked. */
  kind: RecordKind | null;
  /** Records of the file that can be read; null while nobody has looked. */
  nRecords: number | null;
  /** Lines that cannot be read: a job fails on them. */
  nFaults: number | null;
  validationFileId: string | null;
  baseModel: string | null;
  adaptation: Adaptation | null;
  method: "supervised" | "dpo";
  /** What differs from the defaults, by the server's own names. */
  hyperparameters: Record<string, Setting>;
  validationSplit: number | null;
  name: string;
  suffix: string;
  /** Hub repository `user/model-name` to push to. */
  outputModel: string;
  outputWeights: "adapter" | "merged";
  priority: Priority;
  seed: number | null;
  metadata: Record<string, string> | null;
  /** Id of the job that this draft was filled from. */
  clonedFrom: string | null;
}

/** What every step is given; `next` and `back` move between steps. */
export interface StepProps {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  next: () => void;
  back: () => void;
}

export const EMPTY: Draft = {
  goal: null,
  forTask: null,
  fileId: null,
  datasetId: null,
  datasetName: null,
  version: null,
  kind: null,
  nRecords: null,
  nFaults: null,
  validationFileId: null,
  baseModel: null,
  adaptation: null,
  method: "supervised",
  hyperparameters: {},
  validationSplit: null,
  name: "",
  suffix: "",
  outputModel: "",
  outputWeights: "adapter",
  priority: "normal",
  seed: null,
  metadata: null,
  clonedFrom: null,
};

export interface DraftHandle {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  /** Puts another draft in its place; the one that was there can be brought back. */
  replace: (draft: Draft) => void;
  reset: () => void;
  /** Brings back what `replace` or `reset` put away; null when there is nothing. */
  restore: (() => void) | null;
  /** False when the browser keeps nothing: the draft then ends with the tab. */
  kept: boolean;
}

/** The person's draft in this project. It survives reloads; tabs that show the same one follow each other. */
export function useDraft(): DraftHandle {
  const session = useSession();
  const store = storeOf(`${session.user}/${currentProject() ?? session.project.name}`);
  const state = useSyncExternalStore(store.subscribe, store.read);
  return useMemo(
    () => ({
      draft: state.draft,
      set: store.set,
      replace: store.replace,
      reset: store.reset,
      restore: state.before ? store.restore : null,
      kept: state.kept,
    }),
    [state, store],
  );
}

const VERSION = 1;
const stores = new Map<string, DraftStore<Draft>>();

function storeOf(owner: string): DraftStore<Draft> {
  const known = stores.get(owner);
  if (known) return known;
  const made = draftStore(`tunesmith-draft-${VERSION}:${owner}`, EMPTY);
  stores.set(owner, made);
  return made;
}

const TASKS: Record<Goal, Task> = {
  chat: "chat",
  extract: "chat",
  classify: "classification",
  search: "embedding",
  protein: "protein",
};

export function taskOf(draft: Pick<Draft, "goal">): Task | null {
  return draft.goal && TASKS[draft.goal];
}

/** The kinds of records that train a goal by a method; the usual one first. */
export function kindsOf(goal: Goal): RecordKind[] {
  switch (goal) {
    case "chat":
      return ["chat", "instruction", "completion", "preference"];
    case "extract":
      return ["instruction", "completion", "chat", "preference"];
    case "classify":
      return ["classification", "labelled_sequence"];
    case "search":
      return ["pair", "triplet", "scored_pair", "sentence", "sequence"];
    case "protein":
      return ["sequence"];
  }
}

/** The body of POST /v1/fine_tuning/jobs (and of its estimate); null until goal, examples and model are chosen. */
export function jobOf(draft: Draft): JobCreate | null {
  const task = taskOf(draft);
  if (!task || !draft.fileId || !draft.baseModel) return null;
  const job: JobCreate = {
    model: draft.baseModel,
    training_file: draft.fileId,
    task,
    method: methodOf(draft),
    priority: draft.priority,
    backend: "huggingface",
    provider: "local",
    output_weights: draft.outputWeights,
  };
  if (draft.validationFileId) job.validation_file = draft.validationFileId;
  else if (draft.validationSplit !== null) job.validation_split = draft.validationSplit;
  if (draft.adaptation) job.adaptation = draft.adaptation;
  if (draft.name.trim()) job.name = draft.name.trim();
  if (draft.suffix) job.suffix = draft.suffix;
  if (draft.outputModel) job.output_model = draft.outputModel;
  if (draft.seed !== null) job.seed = draft.seed;
  if (draft.metadata) job.metadata = draft.metadata;
  return job;
}

/** Only what was set is sent: the server's own defaults hold for the rest, though its types name every key. */
function methodOf(draft: Draft): JobCreate["method"] {
  const hyperparameters = draft.hyperparameters as Partial<Hyperparameters> as Hyperparameters;
  const method = { type: draft.method, [draft.method]: { hyperparameters } };
  return method as unknown as JobCreate["method"];
}

const SUFFIX = /^[A-Za-z0-9._-]{1,64}$/;
const HUB_PATH = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** Fewer cannot be split into a part to learn from and a part to judge by. */
export const FEWEST = 2;

/** What the start button says is missing, in the order of the steps. */
export function missing(draft: Draft): { step: StepId; text: string }[] {
  const found: { step: StepId; text: string }[] = [];
  const lacks = (step: StepId, text: string) => found.push({ step, text });
  if (!draft.goal) lacks("goal", "Choose a goal");
  if (!draft.fileId) lacks("examples", "Add your examples");
  else if (draft.goal && draft.kind && !kindsOf(draft.goal).includes(draft.kind))
    lacks("examples", "Choose examples that fit the goal");
  else if (draft.nRecords === 0) lacks("examples", "Make your examples readable");
  else if (draft.nFaults) lacks("examples", "Leave out the lines that cannot be read");
  else if (draft.nRecords !== null && draft.nRecords < FEWEST) lacks("examples", "Add more examples");
  else if (draft.kind && (draft.kind === "preference") !== (draft.method === "dpo"))
    lacks("settings", "Choose the method that fits your examples");
  if (!draft.baseModel) lacks("model", "Choose a model");
  if (draft.validationSplit !== null && !(draft.validationSplit >= 0 && draft.validationSplit < 1))
    lacks("settings", "Hold out a share between 0 and 1");
  if (draft.name.trim().length > 120) lacks("review", "Shorten the name to 120 characters");
  if (draft.suffix && (!SUFFIX.test(draft.suffix) || !draft.suffix.replaceAll(".", "")))
    lacks("review", "Use letters, digits, . _ and - in the suffix");
  if (draft.outputModel && !(HUB_PATH.test(draft.outputModel) && draft.outputModel.length <= 96))
    lacks("review", "Name the Hub repository as user/model-name");
  return found;
}
