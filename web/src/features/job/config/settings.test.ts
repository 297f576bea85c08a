import { describe, expect, it } from "vitest";
import type { JobConfig } from "@/api/generated";
import { differences, settingsOf } from "@/features/job/config/settings";

function config(hyperparameters: object, resolved: object | null, more: object = {}): JobConfig {
  return {
    object: "fine_tuning.job.config",
    request: {
      model: "protein-mini",
      training_file: "file-1",
      method: { type: "supervised", supervised: { hyperparameters } },
      ...more,
    },
    resolved,
  } as JobConfig;
}

describe("the settings of a job", () => {
  it("what was asked stands beside what was used", () => {
    const settings = settingsOf(config({ n_epochs: 2, batch_size: "auto" }, { n_epochs: 2, batch_size: 9 }));
    const of = (name: string) => settings.find((each) => each.name === name);
    expect(of("n_epochs")).toEqual({ name: "n_epochs", asked: "2", used: "2" });
    expect(of("batch_size")).toEqual({ name: "batch_size", asked: null, used: "9" });
    expect(of("model")?.asked).toBe("protein-mini");
  });

  it("only what differs is named, and what a job is called is no setting", () => {
    const here = config({ n_epochs: 2 }, { n_epochs: 2, batch_size: 9 }, { name: "a" });
    const there = config({}, { n_epochs: 4, batch_size: 9 }, { name: "b", seed: 7 });
    const { changed, same } = differences(here, there);
    expect(changed).toEqual(
      [
        { name: "seed", here: "auto", there: "7" },
        { name: "n_epochs", here: "2", there: "4" },
      ].sort((x, y) => (x.name === "n_epochs" ? -1 : y.name === "n_epochs" ? 1 : 0)),
    );
    expect(same).toBeGreaterThan(2);
  });

  it("a job that was not started yet is compared by what was asked of it", () => {
    expect(differences(config({ n_epochs: 2 }, null), config({ n_epochs: 2 }, { n_epochs: 2 })).changed).toEqual([]);
  });
});
