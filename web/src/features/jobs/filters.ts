import type { JobStatus, Task } from "@/api/generated";

export const STATUSES: readonly JobStatus[] = [
  "validating_files",
  "queued",
  "running",
  "paused",
  "succeeded",
  "failed",
  "cancelled",
];
export const TASKS: readonly Task[] = ["chat", "classification", "embedding", "protein"];
export const TASK_WORDS: Record<Task, string> = {
  chat: "Chat",
  classification: "Classification",
  embedding: "Search (embedding)",
  protein: "Protein",
};

/** What the server sorts by. */
export const SORT_FIELDS = ["created_at", "name", "status", "priority", "started_at", "finished_at"] as const;
export type SortField = (typeof SORT_FIELDS)[number];
export type Sort = { field: SortField; descending: boolean };
export const NEWEST_FIRST: Sort = { field: "created_at", descending: true };

/** Which jobs are shown, in which order. An empty list and nulls keep all. */
export type Filters = {
  statuses: JobStatus[];
  task: Task | null;
  project: string | null;
  owner: string | null;
  search: string;
  sort: Sort;
};

export const EVERYTHING: Filters = {
  statuses: [],
  task: null,
  project: null,
  owner: null,
  search: "",
  sort: NEWEST_FIRST,
};

/** The filters that an address holds; words that mean nothing are left out, so that an old link still opens. */
export function filtersOf(address: URLSearchParams): Filters {
  const sort = address.get("sort") ?? "";
  const field = SORT_FIELDS.find((known) => known === sort.replace(/^-/, ""));
  return {
    statuses: listed(address.get("status"), STATUSES),
    task: TASKS.find((known) => known === address.get("task")) ?? null,
    project: address.get("project") || null,
    owner: address.get("owner") || null,
    search: address.get("search") ?? "",
    sort: field ? { field, descending: sort.startsWith("-") } : NEWEST_FIRST,
  };
}

function listed<Word extends string>(text: string | null, known: readonly Word[]): Word[] {
  const wanted = new Set(text?.split(","));
  return known.filter((word) => wanted.has(word));
}

/** The address that opens these filters; what keeps all is not written, so that the plain list has a plain address. */
export function addressOf(filters: Filters): URLSearchParams {
  const address = new URLSearchParams();
  if (filters.statuses.length) address.set("status", filters.statuses.join(","));
  if (filters.task) address.set("task", filters.task);
  if (filters.project) address.set("project", filters.project);
  if (filters.owner) address.set("owner", filters.owner);
  if (filters.search.trim()) address.set("search", filters.search.trim());
  if (!sameSort(filters.sort, NEWEST_FIRST)) address.set("sort", sortText(filters.sort));
  return address;
}

/** As the address writes it: `-created_at` is newest first. */
function sortText(sort: Sort): string {
  return `${sort.descending ? "-" : ""}${sort.field}`;
}

export function sameSort(one: Sort, other: Sort): boolean {
  return one.field === other.field && one.descending === other.descending;
}

export function sameFilters(one: Filters, other: Filters): boolean {
  return addressOf(one).toString() === addressOf(other).toString();
}

/** The same filters by another order: a column's other direction when it is sorted by already, else its usual one
 *  (times and priorities from the top, words from the first letter). */
export function sortedBy(filters: Filters, field: SortField): Filters {
  const usual = field !== "name" && field !== "status";
  const descending = filters.sort.field === field ? !filters.sort.descending : usual;
  return { ...filters, sort: { field, descending } };
}

/** Whether any job may be left out. */
export function narrows(filters: Filters): boolean {
  return !sameFilters({ ...filters, sort: NEWEST_FIRST }, EVERYTHING);
}
