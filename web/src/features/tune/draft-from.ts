import { api, body } from "@/api/client";
import { ApiError } from "@/api/error";
import { fileReportQuery } from "@/api/files";
import type { Dataset, DatasetVersion, Job, JobCreate, Task } from "@/api/generated";
import { queryClient } from "@/api/query-client";
import { type Draft, EMPTY, type Goal, type Setting, type StepId } from "@/features/tune/draft";
import { fromReport, fromVersion } from "@/features/tune/examples/chosen";
import { goalsFor } from "@/features/tune/examples/words";

const STEP_IDS: readonly StepId[] = ["goal", "examples", "model", "settings", "review"];

export interface Filled {
  draft: Draft;
  /** Where to go on; null: where the first thing is missing. */
  step: StepId | null;
}

/** A draft out of a job (`clone`, with settings to change and the `step` to begin at), a data set (`dataset`, with `version` or its newest) or a file (`file`). Rejects with
 *  ApiError when it is not there. */
export async function draftFrom(search: URLSearchParams): Promise<Filled> {
  const clone = search.get("clone");
  if (clone) return changed(await ofJob(clone), search);
  const dataset = search.get("dataset");
  const draft = dataset ? await ofDataset(dataset, search.get("version")) : await ofFile(search.get("file") ?? "");
  return { draft, step: draft.goal ? "examples" : "goal" };
}

async function ofJob(jobId: string): Promise<Filled> {
  const path = { params: { path: { job_id: jobId } } };
  const [{ request }, job] = await Promise.all([
    body(api.GET("/v1/fine_tuning/jobs/{job_id}/config", path)),
    body(api.GET("/v1/fine_tuning/jobs/{job_id}", path)),
  ]);
  const draft = cloned(request, job);
  // Its examples may be gone by now: the step of the examples then says so, and all else is kept.
  const report = await queryClient.fetchQuery(fileReportQuery(request.training_file)).catch(nullIfGone);
  if (!report) return { draft, step: "examples" };
  return { draft: { ...draft, ...fromReport(report), method: draft.method }, step: "review" };
}

const CHANGEABLE = ["batch_size", "max_seq_len", "learning_rate"];

/** A job that failed is begun again with what its failure asks to be changed. */
export function changed({ draft, step }: Filled, search: URLSearchParams): Filled {
  const settings: Record<string, Setting> = {};
  for (const name of CHANGEABLE) {
    const value = Number(search.get(name));
    if (value > 0 && Number.isFinite(value)) settings[name] = value;
  }
  const asked = STEP_IDS.find((id) => id === search.get("step"));
  return { draft: { ...draft, hyperparameters: { ...draft.hyperparameters, ...settings } }, step: asked ?? step };
}

/** Every choice of a job, as a draft. */
export function cloned(request: JobCreate, job: Pick<Job, "id" | "task" | "dataset">): Draft {
  const method = request.method?.type ?? "supervised";
  const given = request.method?.[method]?.hyperparameters ?? request.hyperparameters ?? {};
  return {
    ...EMPTY,
    goal: USUAL[job.task],
    forTask: job.task,
    fileId: request.training_file,
    datasetId: job.dataset?.id ?? null,
    datasetName: job.dataset?.name ?? null,
    version: job.dataset?.version ?? null,
    validationFileId: request.validation_file ?? null,
    baseModel: request.model,
    adaptation: request.adaptation ?? null,
    method,
    hyperparameters: setOnes(given),
    validationSplit: request.validation_file ? null : (request.validation_split ?? null),
    name: request.name ?? "",
    suffix: request.suffix ?? "",
    outputModel: request.output_model ?? "",
    outputWeights: request.output_weights,
    priority: request.priority,
    seed: request.seed ?? null,
    metadata: request.metadata ?? null,
    clonedFrom: job.id,
  };
}

/** Left to the server are those that say `auto`, and empty lists. */
function setOnes(given: object): Record<string, Setting> {
  const set = Object.entries(given as Record<string, Setting | null>).filter(
    ([, value]) => value !== null && value !== "auto" && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(set) as Record<string, Setting>;
}

const USUAL: Record<Task, Goal> = { chat: "chat", classification: "classify", embedding: "search", protein: "protein" };

async function ofDataset(datasetId: string, version: string | null): Promise<Draft> {
  const dataset = await body(api.GET("/v1/datasets/{dataset_id}", { params: { path: { dataset_id: datasetId } } }));
  const wanted = version ? await versionOf(dataset, Number(version)) : dataset.newest;
  return withGoal({ ...EMPTY, ...fromVersion(dataset, wanted) });
}

async function versionOf(dataset: Dataset, version: number): Promise<DatasetVersion> {
  if (version === dataset.newest.version) return dataset.newest;
  return body(
    api.GET("/v1/datasets/{dataset_id}/versions/{version}", {
      params: { path: { dataset_id: dataset.id, version } },
    }),
  );
}

async function ofFile(fileId: string): Promise<Draft> {
  const report = await queryClient.fetchQuery(fileReportQuery(fileId));
  return withGoal({ ...EMPTY, fileId, ...fromReport(report) });
}

/** The goal is chosen where the records leave one alone. */
function withGoal(draft: Draft): Draft {
  const goals = draft.kind ? goalsFor(draft.kind) : [];
  return { ...draft, goal: goals.length === 1 ? (goals[0] ?? null) : null };
}

function nullIfGone(error: unknown): null {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}
