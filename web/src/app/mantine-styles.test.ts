import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

// Half of the library's styles are of components that the page has not; the first view should not carry them.

const CORE = join(__dirname, "../../node_modules/@mantine/core");
const FOLDERS = [join(CORE, "esm/components"), join(CORE, "esm/utils")];
const OTHER_PACKAGES = ["notifications", "modals", "spotlight", "dropzone"];
const ALWAYS = ["baseline", "default-css-variables", "global"];
const OURS = join(__dirname, "..");

it("mantine.css has the styles of the components that the page is made of, in the library's order", () => {
  const wanted = [...ALWAYS, ...components()].filter(hasStyles);
  const order = readFileSync(join(CORE, "styles.css"), "utf8");
  wanted.sort((a, b) => order.indexOf(styles(a)) - order.indexOf(styles(b)));
  const file = wanted.map((name) => `@import "@mantine/core/styles/${name}.css";`).join("\n");
  if (process.env.WRITE) writeFileSync(join(__dirname, "mantine.css"), `${file}\n`);
  expect(readFileSync(join(__dirname, "mantine.css"), "utf8").trim()).toBe(file);
});

/** Those that our files and the library's other packages import, and those that these are made of. */
function components(): Set<string> {
  const found = new Set<string>();
  const files = [
    ...filesOf(OURS, /\.tsx?$/),
    ...OTHER_PACKAGES.flatMap((name) => filesOf(join(CORE, "..", name, "esm"), /\.mjs$/)),
  ];
  const waiting = files.flatMap((path) => imported(readFileSync(path, "utf8")));
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const folder = folderOf(name);
    if (folder === undefined || found.has(name)) continue;
    found.add(name);
    for (const path of filesOf(folder, /\.mjs$/)) {
      // A component's parts, such as Radio.Card, have files of styles of their own.
      const part = /(\w+)\.module\.mjs$/.exec(path)?.[1];
      if (part) found.add(part);
      for (const match of readFileSync(path, "utf8").matchAll(/from "(?:\.\.\/)+(?:utils\/)?([A-Z]\w+)\//g)) {
        if (match[1]) waiting.push(match[1]);
      }
    }
  }
  return found;
}

/** Names that a file takes from the library, as in `import { Button, type CardProps } from "@mantine/core"`. */
function imported(text: string): string[] {
  const lists = [...text.matchAll(/import \{([^}]*)\} from ["']@mantine\/core["']/g)];
  return lists.flatMap((match) => (match[1] ?? "").split(",")).map((part) => part.trim());
}

/** Where a component lies; undefined for what is none. */
function folderOf(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((folder) => existsSync(folder));
}

function hasStyles(name: string): boolean {
  return existsSync(join(CORE, "styles", `${name}.css`));
}

function styles(name: string): string {
  return readFileSync(join(CORE, "styles", `${name}.css`), "utf8")
    .trim()
    .slice(0, 60);
}

function filesOf(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => pattern.test(path) && !path.includes(".test."))
    .map((path) => join(folder, path));
}
