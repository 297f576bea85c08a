import type { SearchHit } from "@/api/generated";
import { lookOf } from "@/app/palette/objects";

const MOST = 6;

/** What was kept of things chosen before, newest first. */
export function remembered(kept: unknown): SearchHit[] {
  return Array.isArray(kept) ? kept.filter(isHit).slice(0, MOST) : [];
}

export function withChosen(before: readonly SearchHit[], hit: SearchHit): SearchHit[] {
  return [hit, ...before.filter((each) => each.id !== hit.id)].slice(0, MOST);
}

function isHit(value: unknown): value is SearchHit {
  const hit = value as Partial<SearchHit> | null;
  return (
    typeof hit?.id === "string" &&
    typeof hit.title === "string" &&
    typeof hit.subtitle === "string" &&
    hit.object !== undefined &&
    lookOf({ object: hit.object }) !== undefined
  );
}
