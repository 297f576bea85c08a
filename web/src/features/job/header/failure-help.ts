import type { Job } from "@/api/generated";

/** Why a job failed, in a few words, what to do about it, and the button that does it. */
export interface FailureHelp {
  cause: string;
  fix: string;
  action: FailureAction;
}

/** smaller, gentler: the guided tune opens with this job's settings changed; again: with them as they were; data: the
 *  guided tune at its examples step, where the file's check-up lists the lines; logs: what the run wrote. */
export type FailureAction = "smaller" | "gentler" | "again" | "data" | "logs" | "settings";

const HELP: Record<string, FailureHelp> = {
  out_of_memory: {
    cause: "The run needed more memory than its worker has.",
    fix: "Start it again with a smaller batch and shorter records, or on a worker with more memory.",
    action: "smaller",
  },
  diverged: {
    cause: "The loss stopped being a number: the steps were too large.",
    fix: "Start it again with a third of the learning rate.",
    action: "gentler",
  },
  poison: {
    cause: "The run died several times at the same step.",
    fix: "Read the log lines before that step, then start it again with a smaller batch or other data.",
    action: "logs",
  },
  invalid_training_file: {
    cause: "The data cannot be trained on.",
    fix: "Mend the lines that are named, or have the faulty ones left out, and start again.",
    action: "data",
  },
  bad_data: {
    cause: "The run met records that the model cannot read.",
    fix: "Mend or leave out the records that are named, and start again.",
    action: "data",
  },
  base_model_missing: {
    cause: "The base model's weights could not be had on the worker.",
    fix: "See that the worker reaches where the weights lie (a gated model needs the operator's token), then start it again.",
    action: "again",
  },
  unsafe_weights: {
    cause: "The weights carry code or are not safetensors, so they were not loaded.",
    fix: "Convert them to safetensors, or choose another base model.",
    action: "settings",
  },
  worker_lost: {
    cause: "Its workers vanished again and again.",
    fix: "See that a worker stays up and connected (`tunesmith worker`), then start it again.",
    action: "again",
  },
  worker_machine: {
    cause: "The worker's machine could not go on.",
    fix: "Look at the disk and the installation of that worker, then start it again.",
    action: "again",
  },
  input_unavailable: {
    cause: "The worker could not fetch the data or the model.",
    fix: "See that the worker reaches this server and its storage, then start it again.",
    action: "again",
  },
  killed: {
    cause: "Something on the worker's machine killed the run.",
    fix: "Most often memory ran short there. See to the machine, or start it again with a smaller batch.",
    action: "smaller",
  },
  stopped: {
    cause: "Somebody stopped the run on its machine, again and again.",
    fix: "Let the worker run, then start it again.",
    action: "again",
  },
  queue_deadline: {
    cause: "No worker took the job in time.",
    fix: "Start a worker that can run it (`tunesmith worker`), then start the job again.",
    action: "again",
  },
  max_runtime: {
    cause: "The run took longer than this server allows.",
    fix: "Start it again with fewer epochs or less data, or have the operator raise max_runtime_s.",
    action: "settings",
  },
  resume_mismatch: {
    cause: "The checkpoint it should have gone on from is of another run.",
    fix: "Start it again from the beginning.",
    action: "again",
  },
  model_not_found: {
    cause: "The model it should start from is gone.",
    fix: "Choose another base model.",
    action: "settings",
  },
  checksum_mismatch: {
    cause: "The trained files did not arrive as they were sent.",
    fix: "Start it again; when it repeats, look at the worker's disk and network.",
    action: "again",
  },
  too_large: {
    cause: "The trained files are larger than this server takes.",
    fix: "Train an adapter (LoRA) instead of all weights, or have the operator raise the limit.",
    action: "settings",
  },
  unprocessable: {
    cause: "The server refused the trained files.",
    fix: "The message says why. Start it again once that is mended.",
    action: "again",
  },
  invalid_value: {
    cause: "A setting does not fit this data or model.",
    fix: "Change the setting that is named, and start again.",
    action: "settings",
  },
  unsupported_parameter: {
    cause: "A setting is not offered here.",
    fix: "Leave out the setting that is named, and start again.",
    action: "settings",
  },
  internal: {
    cause: "The training program ended with an error of its own.",
    fix: "Its last lines are in the log. Start it again; when it repeats, report it with those lines.",
    action: "logs",
  },
  internal_error: {
    cause: "The server met an error of its own.",
    fix: "Start it again; when it repeats, give the operator the message below.",
    action: "again",
  },
};

const UNKNOWN: FailureHelp = {
  cause: "The run ended with an error.",
  fix: "The message below says what happened; the log shows what came before it.",
  action: "logs",
};

export const KNOWN_CODES: readonly string[] = Object.keys(HELP);

export function failureHelp(code: string): FailureHelp {
  return HELP[code] ?? UNKNOWN;
}

/** The query of the guided tune that starts from this job, with what the failure asks to be changed. */
export function cloneQuery(job: Pick<Job, "id" | "hyperparameters">, action: FailureAction): string {
  const query = new URLSearchParams({ clone: job.id });
  const { batch_size, max_seq_len, learning_rate } = job.hyperparameters;
  if (action === "smaller") {
    query.set("batch_size", String(typeof batch_size === "number" ? Math.max(1, Math.floor(batch_size / 2)) : 1));
    if (typeof max_seq_len === "number") query.set("max_seq_len", String(Math.max(16, Math.floor(max_seq_len / 2))));
  }
  if (action === "gentler" && typeof learning_rate === "number")
    query.set("learning_rate", String(Number((learning_rate / 3).toPrecision(2))));
  if (action === "data") query.set("step", "examples");
  if (action === "settings") query.set("step", "settings");
  return `/tune?${query}`;
}
