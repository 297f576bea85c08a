import { describe, expect, it } from "vitest";
import { ApiError } from "@/api/error";
import { placeOf, wordsBeside } from "@/features/tune/review/places";

const refused = (param: string | null, message = "no") => new ApiError({ status: 400, message, param });

describe("a refusal lands at the step and field it belongs to", () => {
  it.each([
    ["model", "model", "model"],
    ["training_file", "examples", "training_file"],
    ["method.supervised.hyperparameters.n_epochs", "settings", "n_epochs"],
    ["method.dpo.hyperparameters.matryoshka_dims[0]", "settings", "matryoshka_dims"],
    ["hyperparameters.loss", "settings", "loss"],
    ["method.type", "settings", "method"],
    ["adaptation", "settings", "adaptation"],
    ["output_model", "review", "output_model"],
    ["suffix", "review", "suffix"],
    ["task", "goal", null],
  ])("%s", (param, step, field) => expect(placeOf(refused(param))).toEqual({ step, field }));

  it("what names nothing of the draft has no place", () => {
    expect(placeOf(refused(null))).toBeNull();
    expect(placeOf(refused("colour"))).toBeNull();
    expect(placeOf(new Error("away"))).toBeNull();
  });

  it("beside a field its name is not said again", () => {
    const told = refused(
      "n_epochs",
      "Invalid 'hyperparameters.n_epochs': integer above maximum value. Expected <= 50.",
    );
    expect(wordsBeside(told)).toBe("Integer above maximum value. Expected <= 50.");
  });
});
