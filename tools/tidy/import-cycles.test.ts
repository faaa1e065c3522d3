// Tests the search for circles of imports.
import assert from "node:assert/strict";
import { test } from "node:test";
import { found, treeOf } from "./fixture.ts";
import { importCycles } from "./import-cycles.ts";

test("a circle of three files is found once and shown as a route", () => {
  const files = {
    "cli/a.ts": 'import "./b.ts";',
    "cli/b.ts": '\nimport "./c.ts";',
    "cli/c.ts": 'import { a } from "./a.ts";',
  };
  const findings = importCycles(treeOf(files));
  assert.deepEqual(
    findings.map((finding) => finding.message),
    ["cli/a.ts -> cli/b.ts -> cli/c.ts -> cli/a.ts"],
  );
});

test("folders that import each other through different files are found", () => {
  const files = {
    "cli/x/one.ts": 'import type { T } from "../y/one.ts";',
    "cli/y/one.ts": "",
    "cli/y/two.ts": 'import type { U } from "../x/two.ts";',
    "cli/x/two.ts": "",
  };
  assert.deepEqual(found(importCycles, files), ["cli/x/one.ts:1 import-cycle"]);
});

test("type imports back and forth between files, and a parent's shared file, are no circle", () => {
  const files = {
    "cli/a.ts": 'import type { B } from "./b.ts";\nimport { c } from "./sub/c.ts";',
    "cli/b.ts": 'import { type A } from "./a.ts";',
    "cli/sub/c.ts": 'import { b } from "../b.ts";',
  };
  assert.deepEqual(found(importCycles, files), []);
});
