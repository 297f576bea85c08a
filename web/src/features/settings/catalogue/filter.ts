import type { BaseModelEntry, Task } from "@/api/generated";
import { count } from "@/lib/format";

export const TASKS: { value: Task; label: string }[] = [
  { value: "chat", label: "Chat" },
  { value: "classification", label: "Classify" },
  { value: "embedding", label: "Search" },
  { value: "protein", label: "Protein" },
];

export function taskWords(tasks: Task[]): string {
  return TASKS.filter(({ value }) => tasks.includes(value))
    .map(({ label }) => label)
    .join(", ");
}

/** Entries for the task, or any, that hold every word searched for. */
export function matching(entries: BaseModelEntry[], task: Task | null, search: string): BaseModelEntry[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    if (task && !entry.tasks.includes(task)) return false;
    const text = [entry.key, entry.title, entry.licence, entry.architecture, entry.note, ...(entry.aliases ?? [])]
      .join(" ")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** A number of weights as the field writes it: "135 M", "7.2 B". */
export function sizeWords(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)} B`;
  return parameters >= 1e6 ? `${Math.round(parameters / 1e6)} M` : count(parameters);
}

/** Where the weights come from, and the address of their page if they have one. */
export function sourceWords(entry: BaseModelEntry): { text: string; href: string | null } {
  const { source } = entry;
  if (source.type === "bundled") return { text: "Comes with Tunesmith", href: null };
  if (source.type === "folder") return { text: `Folder ${source.path}`, href: null };
  if (source.type === "hub") return { text: source.repo, href: `https://huggingface.co/${source.repo}` };
  const [name = "", version = ""] = source.requirement.split("==");
  return { text: `PyPI ${source.requirement}`, href: `https://pypi.org/project/${name}/${version}/` };
}
