import { describe, expect, it } from "vitest";
import type { SearchHit } from "@/api/generated";
import { actionsFor } from "@/app/palette/actions";
import { deedOf, deedWords, fits } from "@/app/palette/objects";
import { remembered, withChosen } from "@/app/palette/recent";

const hit = (object: SearchHit["object"], changes: Partial<SearchHit> = {}) =>
  ({ object, id: "x-1", title: "x", subtitle: "", created_at: null, job_id: null, ...changes }) as SearchHit;

describe("the palette", () => {
  it("finds actions by the beginnings of their words, the label before its synonyms", () => {
    expect(actionsFor("sign")[0]?.label).toBe("Sign out");
    expect(actionsFor("job").map((action) => action.label)[0]).toBe("Jobs");
    expect(actionsFor("api key").map((action) => action.label)).toEqual(["Keys"]);
    expect(actionsFor("theme d").map((action) => action.label)).toEqual(["Dark appearance"]);
    expect(actionsFor("obs")).toEqual([]);
  });

  it("leads to pages that are there, and copies the id of what has none", () => {
    expect(deedOf(hit("fine_tuning.job"))).toEqual({ what: "go", path: "/jobs/x-1" });
    expect(deedOf(hit("model", { job_id: "ftjob-7" }))).toEqual({ what: "go", path: "/jobs/ftjob-7" });
    expect(deedOf(hit("dataset"))).toEqual({ what: "go", path: "/tune?dataset=x-1" });
    expect(deedOf(hit("file", { subtitle: "File for fine-tune" }))).toEqual({ what: "go", path: "/tune?file=x-1" });
    expect(deedOf(hit("file", { subtitle: "File for fine-tune-results" }))).toEqual({ what: "copy", text: "x-1" });
    expect(deedOf(hit("base_model"))).toEqual({ what: "copy", text: "x-1" });
    expect(deedOf(hit("project", { title: "lab" }))).toEqual({ what: "project", slug: "lab" });
    expect(deedWords(hit("base_model"))).toBe("Base model · copy its id");
  });

  it("keeps of an older answer only what fits the words typed since", () => {
    const job = hit("fine_tuning.job", { title: "Northern kinases", subtitle: "Waiting · protein-mini" });
    expect(["", "north", "KIN north", "x-1", "waiting"].map((typed) => fits(job, typed))).toEqual(Array(5).fill(true));
    expect(["south", "kinases southern"].map((typed) => fits(job, typed))).toEqual([false, false]);
  });

  it("remembers what was chosen last, once each, and reads nothing that it did not write", () => {
    let kept = remembered(null);
    for (const id of ["a", "b", "c", "a"]) kept = withChosen(kept, hit("file", { id }));
    expect(kept.map((each) => each.id)).toEqual(["a", "c", "b"]);
    for (let n = 0; n < 20; n += 1) kept = withChosen(kept, hit("file", { id: `f${n}` }));
    expect(kept).toHaveLength(6);
    expect(remembered(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
    for (const wrong of ["x", 3, {}, [1, null, { object: "nonsense", id: "a", title: "a" }]]) {
      expect(remembered(wrong)).toEqual([]);
    }
  });
});
