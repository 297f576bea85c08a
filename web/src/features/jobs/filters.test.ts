import { describe, expect, it } from "vitest";
import {
  addressOf,
  EVERYTHING,
  type Filters,
  filtersOf,
  narrows,
  sameFilters,
  sortedBy,
} from "@/features/jobs/filters";

const some: Filters = {
  statuses: ["queued", "running"],
  task: "chat",
  project: "support",
  owner: "bea",
  search: "tickets & more",
  sort: { field: "name", descending: false },
};

describe("filters in the address", () => {
  it("come back from the address as they went in", () => {
    expect(filtersOf(new URLSearchParams(addressOf(some).toString()))).toEqual(some);
    expect(addressOf(some).get("status")).toBe("queued,running");
  });

  it("the plain list has a plain address", () => {
    expect(addressOf(EVERYTHING).toString()).toBe("");
    expect(filtersOf(new URLSearchParams())).toEqual(EVERYTHING);
  });

  it("words that mean nothing are left out of an old link", () => {
    const old = new URLSearchParams("status=running,exploded&task=dance&sort=-shoe_size&owner=");
    expect(filtersOf(old)).toEqual({ ...EVERYTHING, statuses: ["running"] });
  });

  it("the order of states in a link makes no other filter", () => {
    expect(
      sameFilters(filtersOf(new URLSearchParams("status=running,queued")), {
        ...EVERYTHING,
        statuses: ["queued", "running"],
      }),
    ).toBe(true);
  });

  it("a column is sorted its usual way first, then the other way", () => {
    const byName = sortedBy(EVERYTHING, "name");
    expect(byName.sort).toEqual({ field: "name", descending: false });
    expect(sortedBy(byName, "name").sort.descending).toBe(true);
    expect(sortedBy(byName, "finished_at").sort).toEqual({ field: "finished_at", descending: true });
  });

  it("a sorted list leaves nothing out, a searched one may", () => {
    expect(narrows({ ...EVERYTHING, sort: { field: "name", descending: false } })).toBe(false);
    expect(narrows({ ...EVERYTHING, search: "x" })).toBe(true);
    expect(narrows({ ...EVERYTHING, search: "  " })).toBe(false);
  });
});
