import type { BaseModelEntry, ModelVersion, RecordKind, Task } from "@/api/generated";

/** A model that the draft's job could start from. */
export interface Offer {
  /** What the job's `model` is. */
  id: string;
  title: string;
  base: BaseModelEntry;
  /** The tuned model to go on from; null of a base itself. */
  tuned: ModelVersion | null;
}

/** The bases that can do the task with such records, those made for it first and then the smaller ones; behind them
 *  the project's own tuned models of that task, the newest first. */
export function offersOf(
  catalog: BaseModelEntry[],
  tuned: ModelVersion[],
  task: Task,
  kind: RecordKind | null,
): { bases: Offer[]; tuned: Offer[] } {
  const able = catalog.filter((base) => base.tasks.includes(task) && canRead(base, kind));
  const bases = able
    .map((base) => ({ id: base.key, title: base.title, base, tuned: null }))
    .sort((a, b) => Number(isFar(a.base)) - Number(isFar(b.base)) || a.base.parameters - b.base.parameters);
  const byKey = new Map(able.map((base) => [base.key, base]));
  const own = tuned.flatMap((model) => {
    const base = byKey.get(model.base_model);
    if (!base || model.task !== task) return [];
    return [{ id: model.id, title: `${model.family} v${model.version}`, base, tuned: model }];
  });
  return { bases, tuned: own };
}

/** Whether the base reads what the records hold: words and residues are different languages. */
export function canRead(base: BaseModelEntry, kind: RecordKind | null): boolean {
  if (kind === null) return true;
  return readsSequences(base) === (kind === "sequence" || kind === "labelled_sequence");
}

function readsSequences(base: BaseModelEntry): boolean {
  return base.tasks.includes("protein") || base.prompt_format !== "text" || base.architecture === "esm";
}

/** Its weights come from the Hub, which not every worker reaches. */
export function isFar(base: BaseModelEntry): boolean {
  return base.source.type === "hub";
}
