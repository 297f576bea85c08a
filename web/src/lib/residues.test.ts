import { describe, expect, it } from "vitest";
import { blocks, RESIDUE_CLASSES, residueClass } from "@/lib/residues";

describe("residues", () => {
  it("each of the twenty has exactly one class, and what is none is other", () => {
    const all = RESIDUE_CLASSES.flatMap(({ residues }) => [...residues]);
    expect(new Set(all).size).toBe(all.length);
    for (const residue of "ACDEFGHIKLMNPQRSTVWY") expect(residueClass(residue)).not.toBe("other");
    expect([..."BXZ*-"].map(residueClass)).toEqual(["other", "other", "other", "other", "other"]);
    expect([..."DEKRH"].map(residueClass)).toEqual(["acidic", "acidic", "basic", "basic", "basic"]);
  });

  it("blocks of ten end at their position, the last where the sequence does", () => {
    const found = blocks("MKTAYIAKQRDE");
    expect(found.map((block) => block.end)).toEqual([10, 12]);
    expect(found[1]?.runs).toEqual([{ class: "acidic", residues: "DE" }]);
    expect(found.flatMap((block) => block.runs.map((run) => run.residues)).join("")).toBe("MKTAYIAKQRDE");
  });

  it("an empty sequence has no block", () => expect(blocks("")).toEqual([]));
});
