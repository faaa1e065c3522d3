// Builds small trees in a temporary folder for the tests of the checks. It is shared by tests
// only; the checks themselves never write.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Check } from "./finding.ts";
import { loadTree, type Tree } from "./tree.ts";

const manifest = (name: string, rest: object): string =>
  JSON.stringify({ name, version: "1.0.0", ...rest });

/** Three small packages that stand for the real ones. */
const PACKAGES = {
  "package.json": manifest("root", {
    workspaces: ["core", "engines", "cli"],
    devDependencies: { "fast-check": "*" },
    scripts: { start: "node tools/start.ts" },
  }),
  "core/package.json": manifest("@tequio/core", {
    exports: {
      "./pool": "./pool/index.ts",
      "./scheduler": "./scheduler/index.ts",
    },
  }),
  "engines/package.json": manifest("@tequio/engines", {
    exports: { ".": "./src/index.ts", "./local": "./src/local/index.ts" },
    dependencies: { "@tequio/core": "1.0.0" },
  }),
  "cli/package.json": manifest("@tequio/cli", {
    bin: { tequio: "./bin/tequio.js" },
    dependencies: { "@tequio/engines": "1.0.0", zod: "*" },
  }),
};

/** Writes the files, loads them as a tree, and removes them. */
export function treeOf(files: Readonly<Record<string, string>>): Tree {
  const root = mkdtempSync(join(tmpdir(), "tequio-tidy-"));
  try {
    for (const [path, text] of Object.entries({ ...PACKAGES, ...files })) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return loadTree(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** What a check finds in the files, as `path:line rule`, in order. */
export function found(check: Check, files: Readonly<Record<string, string>>): readonly string[] {
  return check(treeOf(files))
    .map(({ path, line, rule }) => `${path}:${line} ${rule}`)
    .toSorted();
}
