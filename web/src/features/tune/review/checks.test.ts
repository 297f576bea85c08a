import { describe, expect, it } from "vitest";
import { EMPTY } from "@/features/tune/draft";
import { faultOfText, firstFault } from "@/features/tune/review/checks";

describe("what is typed is checked by the server's own pattern", () => {
  it.each(["me/support", "org.name/model-1.0_x"])("%s may be pushed to", (text) =>
    expect(faultOfText("output_model", text)).toBeNull(),
  );
  it.each(["me", "me/", "/me", "me/a/b", "me/.hidden", "me /x", "mé/x"])("%s may not", (text) =>
    expect(faultOfText("output_model", text)).toContain("user/model-name"),
  );

  it("a suffix is letters, digits and marks", () => {
    expect(faultOfText("suffix", "support-v2")).toBeNull();
    expect(faultOfText("suffix", "my model")).toContain("letters, digits");
    expect(faultOfText("suffix", "...")).toContain("not dots alone");
    expect(faultOfText("suffix", "x".repeat(65))).toBe("At most 64 characters; these are 65.");
  });

  it("nothing typed is nothing wrong", () => expect(firstFault(EMPTY)).toBeNull());

  it("the first fault of the step is the one to go to", () => {
    expect(firstFault({ ...EMPTY, suffix: "a b", outputModel: "me" })).toBe("suffix");
    expect(firstFault({ ...EMPTY, outputModel: "me" })).toBe("output_model");
  });
});
