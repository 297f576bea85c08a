import type { BaseModelEntry, Task } from "@/api/generated";
import type { Fit } from "@/features/tune/model/fit";
import { isFar, type Offer } from "@/features/tune/model/offers";

export interface Recommendation {
  id: string;
  /** One sentence. */
  reason: string;
}

/** The base to begin with: one that runs here, opens without an account, speaks the data's language, and is small
 *  enough to be quick. null until every fit is known, and when none can run. */
export function recommend(
  bases: Offer[],
  fits: Map<string, Fit>,
  about: { task: Task; english: boolean | null },
): Recommendation | null {
  if (bases.some((offer) => (fits.get(offer.id)?.state ?? "asking") === "asking")) return null;
  const able = bases.filter((offer) => fitRank(fits.get(offer.id)) < NEVER);
  const [best] = able.sort((a, b) => compare(marks(a, fits, about), marks(b, fits, about)));
  return best ? { id: best.id, reason: reasonFor(best, fits.get(best.id), about) } : null;
}

const NEVER = 9;

function fitRank(fit: Fit | undefined): number {
  switch (fit?.state) {
    case "fits":
    case "no_worker":
      return 0;
    case "tight":
      return 1;
    default:
      return NEVER;
  }
}

/** Smaller is better, the first that differs decides. */
function marks(offer: Offer, fits: Map<string, Fit>, about: { task: Task; english: boolean | null }): number[] {
  const { base } = offer;
  return [
    fitRank(fits.get(offer.id)),
    Number(base.gated),
    about.english === false ? Number(!isMultilingual(base)) : 0,
    Number(isFar(base)),
    Number(!isMadeFor(base, about.task)),
    base.parameters,
  ];
}

function compare(a: number[], b: number[]): number {
  const at = a.findIndex((mark, i) => mark !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

export function isMultilingual(base: BaseModelEntry): boolean {
  return /multilingual|xlm/i.test(`${base.key} ${base.title}`);
}

/** Chat models answer in a chat's form; encoders are for search and for labels. */
function isMadeFor(base: BaseModelEntry, task: Task): boolean {
  if (task === "chat") return base.chat_template === "model";
  if (task === "classification") return base.tasks.includes("embedding");
  return base.tasks[0] === task;
}

const MADE_FOR: Record<Task, string> = {
  chat: "made for conversations",
  classification: "reads a text as a whole, which labels need",
  embedding: "made for search",
  protein: "made for protein sequences",
};

function reasonFor(offer: Offer, fit: Fit | undefined, about: { task: Task; english: boolean | null }): string {
  const { base } = offer;
  const parts: string[] = [];
  if (isMadeFor(base, about.task)) parts.push(MADE_FOR[about.task]);
  if (about.english === false && isMultilingual(base))
    parts.push("knows other languages than English, as your examples do");
  if (fit?.state === "fits") parts.push("small enough for a worker that is connected");
  else if (fit?.state === "tight") parts.push("the one that comes nearest to fitting");
  else parts.push("small enough for an ordinary machine");
  if (!isFar(base)) parts.push("and needs no account anywhere");
  return `${sentence(parts)}.`;
}

function sentence(parts: string[]): string {
  const text = parts.join(", ").replaceAll(", and", " and");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
