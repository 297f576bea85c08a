import type { JobConfig } from "@/api/generated";

export interface Setting {
  name: string;
  asked: string | null;
  used: string | null;
}

/** Every setting with what was asked and what the run used; null where it was left to Tunesmith, or is not known yet. */
export function settingsOf(config: JobConfig): Setting[] {
  const { method, hyperparameters, ...request } = config.request;
  const asked = { ...flat(request), ...flat(hyperparameters ?? {}), ...methodOf(method) };
  const used = flat(config.resolved ?? {});
  const names = [...new Set([...Object.keys(asked), ...Object.keys(used)])];
  return names.map((name) => ({ name, asked: asked[name] ?? null, used: used[name] ?? null }));
}

export interface Difference {
  name: string;
  here: string;
  there: string;
}

const OF_ITSELF = new Set(["name", "metadata", "project", "priority"]);

/** The settings in which two jobs differ, by what was used where both tell it, else by what was asked. */
export function differences(here: JobConfig, there: JobConfig): { changed: Difference[]; same: number } {
  const [a, b] = [new Map(valued(here)), new Map(valued(there))];
  const names = [...new Set([...a.keys(), ...b.keys()])].filter((name) => !OF_ITSELF.has(name));
  const all = names.map((name) => ({ name, here: a.get(name) ?? DEFAULT, there: b.get(name) ?? DEFAULT }));
  const changed = all.filter((each) => each.here !== each.there);
  return { changed, same: all.length - changed.length };
}

export const DEFAULT = "auto";

function valued(config: JobConfig): [string, string][] {
  return settingsOf(config).map(({ name, asked, used }) => [name, used ?? asked ?? DEFAULT]);
}

function methodOf(method: JobConfig["request"]["method"]): Record<string, string> {
  if (!method) return {};
  const told = method.type === "dpo" ? method.dpo : method.supervised;
  return { method: method.type ?? "supervised", ...flat(told?.hyperparameters ?? {}) };
}

/** As text; what is "auto", empty or absent was not asked. */
function flat(values: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value != null && value !== "auto" && !(Array.isArray(value) && value.length === 0))
      .map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]),
  );
}
