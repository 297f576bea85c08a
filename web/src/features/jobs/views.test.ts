import { describe, expect, it } from "vitest";
import { ALL_COLUMNS, columnsOf, moved, toggled, USUAL_COLUMNS } from "@/features/jobs/column-names";
import { EVERYTHING } from "@/features/jobs/filters";
import { builtInViews, currentView, keepable, type View, viewsOf, withView } from "@/features/jobs/views";

const mine: View = {
  name: "Long proteins",
  filters: { ...EVERYTHING, task: "protein", search: "long" },
  columns: ["name", "cost"],
};

describe("views", () => {
  it("are the same after the browser kept them", () => {
    expect(viewsOf(JSON.parse(JSON.stringify(keepable([mine]))))).toEqual([mine]);
  });

  it("what cannot be understood is left out, and the rest stays", () => {
    expect(viewsOf(["x", null, { name: "", address: "" }, { name: "No columns", address: "status=failed" }])).toEqual([
      { name: "No columns", filters: { ...EVERYTHING, statuses: ["failed"] }, columns: USUAL_COLUMNS },
    ]);
    expect(viewsOf("broken")).toEqual([]);
  });

  it("a view saved again under its name takes the old one's place", () => {
    const other = { ...mine, name: "Other" };
    const again = { ...mine, columns: null };
    expect(withView([mine, other], again)).toEqual([again, other]);
    expect(withView([mine], other)).toEqual([mine, other]);
  });

  it("the filters tell which view is looked at", () => {
    const views = [...builtInViews("bea"), mine];
    expect(currentView(views, EVERYTHING)?.name).toBe("All");
    expect(currentView(views, { ...EVERYTHING, owner: "bea" })?.name).toBe("Mine");
    expect(currentView(views, mine.filters)?.name).toBe("Long proteins");
    expect(currentView(views, { ...EVERYTHING, search: "other" })).toBeNull();
  });
});

describe("columns", () => {
  it("unknown ones are dropped, the job's name stays", () => {
    expect(columnsOf(["cost", "shoe size", "cost", "age"])).toEqual(["name", "cost", "age"]);
    expect(columnsOf(null)).toEqual(USUAL_COLUMNS);
    expect(columnsOf([])).toEqual(USUAL_COLUMNS);
    expect(toggled(["name"], "name")).toEqual(["name"]);
  });

  it("a column comes back at its usual place", () => {
    const without = toggled(ALL_COLUMNS, "progress");
    expect(without).not.toContain("progress");
    expect(toggled(without, "progress")).toEqual(ALL_COLUMNS);
    expect(toggled(["name", "age"], "state")).toEqual(["state", "name", "age"]);
  });

  it("a column moves by one place and stops at the ends", () => {
    expect(moved(["name", "cost", "age"], "cost", 1)).toEqual(["name", "age", "cost"]);
    expect(moved(["name", "cost"], "name", -1)).toEqual(["name", "cost"]);
    expect(moved(["name", "cost"], "cost", 1)).toEqual(["name", "cost"]);
  });
});
