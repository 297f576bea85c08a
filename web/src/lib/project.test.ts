import { expect, test } from "vitest";
import { currentProject, rememberProject } from "@/lib/project";

test("the chosen project is told by header and by cookie until it is forgotten", () => {
  rememberProject("team");
  expect(currentProject()).toBe("team");
  expect(document.cookie).toMatch(/tunesmith_project(_\d+)?=team/);
  rememberProject(null);
  expect(currentProject()).toBeNull();
  expect(document.cookie).not.toContain("tunesmith_project");
});
