import {
  type Icon,
  IconCube,
  IconDatabase,
  IconFile,
  IconFolder,
  IconKey,
  IconListDetails,
  IconStack2,
} from "@tabler/icons-react";
import type { SearchHit } from "@/api/generated";

/** What choosing a thing does. What has no page of its own gives its id to the clipboard. */
export type Deed = { what: "go"; path: string } | { what: "project"; slug: string } | { what: "copy"; text: string };

const LOOKS: Record<SearchHit["object"], { noun: string; icon: Icon }> = {
  "fine_tuning.job": { noun: "Job", icon: IconListDetails },
  dataset: { noun: "Data set", icon: IconDatabase },
  file: { noun: "File", icon: IconFile },
  model: { noun: "Model", icon: IconCube },
  base_model: { noun: "Base model", icon: IconStack2 },
  project: { noun: "Project", icon: IconFolder },
  api_key: { noun: "Key", icon: IconKey },
};

export function lookOf(hit: Pick<SearchHit, "object">): { noun: string; icon: Icon } {
  return LOOKS[hit.object];
}

export function deedOf(hit: Pick<SearchHit, "object" | "id" | "title" | "subtitle" | "job_id">): Deed {
  switch (hit.object) {
    case "fine_tuning.job":
      return { what: "go", path: `/jobs/${hit.id}` };
    case "model":
      return hit.job_id ? { what: "go", path: `/jobs/${hit.job_id}` } : { what: "copy", text: hit.id };
    case "dataset":
      return { what: "go", path: `/tune?dataset=${encodeURIComponent(hit.id)}` };
    case "file":
      return hit.subtitle === "File for fine-tune"
        ? { what: "go", path: `/tune?file=${encodeURIComponent(hit.id)}` }
        : { what: "copy", text: hit.id };
    case "api_key":
      return { what: "go", path: "/settings/keys" };
    case "project":
      return { what: "project", slug: hit.title };
    default:
      return { what: "copy", text: hit.id };
  }
}

/** What choosing it does, in words beside it. */
export function deedWords(hit: Pick<SearchHit, "object" | "id" | "title" | "subtitle" | "job_id">): string {
  const deed = deedOf(hit);
  if (deed.what === "copy") return `${lookOf(hit).noun} · copy its id`;
  if (deed.what === "project") return "Switch to this project";
  if (hit.object === "dataset" || hit.object === "file") return `${lookOf(hit).noun} · tune with it`;
  if (hit.object === "model") return "Model · its job";
  return lookOf(hit).noun;
}

/** Whether each word typed stands in what is shown of the thing, or in its id. */
export function fits(hit: Pick<SearchHit, "id" | "title" | "subtitle">, typed: string): boolean {
  const text = `${hit.title} ${hit.id} ${hit.subtitle}`.toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
