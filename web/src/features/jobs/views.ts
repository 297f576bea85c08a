import { ALL_COLUMNS, type ColumnId, columnsOf } from "@/features/jobs/column-names";
import { addressOf, EVERYTHING, type Filters, filtersOf, sameFilters } from "@/features/jobs/filters";

/** A named way to look at the jobs. The built-in ones leave the columns as they are. */
export type View = { name: string; filters: Filters; columns: ColumnId[] | null };

export function builtInViews(me: string): View[] {
  const of = (name: string, filters: Partial<Filters>): View => ({
    name,
    filters: { ...EVERYTHING, ...filters },
    columns: null,
  });
  return [
    of("All", {}),
    of("Running", { statuses: ["running"] }),
    of("Waiting", { statuses: ["validating_files", "queued"] }),
    of("Failed", { statuses: ["failed"] }),
    of("Mine", { owner: me }),
  ];
}

/** The views that a browser kept; what cannot be understood is left out. Filters are kept as an address. */
export function viewsOf(kept: unknown): View[] {
  if (!Array.isArray(kept)) return [];
  return kept.flatMap((view: unknown): View[] => {
    const { name, address, columns } = (view ?? {}) as { name?: unknown; address?: unknown; columns?: unknown };
    if (typeof name !== "string" || !name || typeof address !== "string") return [];
    return [{ name, filters: filtersOf(new URLSearchParams(address)), columns: columnsOf(columns) }];
  });
}

/** As the browser keeps them. */
export function keepable(views: View[]): unknown {
  return views.map(({ name, filters, columns }) => ({
    name,
    address: addressOf(filters).toString(),
    columns: columns ?? ALL_COLUMNS,
  }));
}

/** With one more view; one of the same name is replaced, in its place. */
export function withView(views: View[], view: View): View[] {
  const place = views.findIndex((each) => each.name === view.name);
  return place < 0 ? [...views, view] : views.with(place, view);
}

/** The view that is being looked at: the one with these filters, one of the person's own before a built-in one. */
export function currentView(views: View[], filters: Filters): View | null {
  return views.findLast((view) => sameFilters(view.filters, filters)) ?? null;
}
