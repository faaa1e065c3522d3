// Tests the check of the table of folders.
import assert from "node:assert/strict";
import { test } from "node:test";
import { found } from "./fixture.ts";
import { importDirection } from "./import-direction.ts";

test("the pool imports nothing from the folders above it", () => {
  const files = {
    "core/pool/index.ts": 'import "../scheduler/index.ts";\nexport * from "./ids.ts";',
    "core/pool/ids.ts": "export const id = 1;",
    "core/scheduler/index.ts": 'export const a = 1;\nimport type { id } from "../pool/ids.ts";',
  };
  assert.deepEqual(found(importDirection, files), ["core/pool/index.ts:1 import-direction"]);
});

test("re-exports, type imports and import() are followed through package names", () => {
  const files = {
    "core/pool/index.ts": "",
    "engines/src/index.ts": [
      'export * from "@tequio/core/scheduler";',
      'type A = import("@tequio/core/scheduler").A;',
      'const b = await import("@tequio/core/scheduler");',
      'import { p } from "@tequio/core/pool";',
    ].join("\n"),
    "core/scheduler/index.ts": "",
  };
  assert.deepEqual(found(importDirection, files), [
    "engines/src/index.ts:1 import-direction",
    "engines/src/index.ts:2 import-direction",
    "engines/src/index.ts:3 import-direction",
  ]);
});

test("the composition root may import everything, the command line may not", () => {
  const line = 'import { e } from "@tequio/engines";';
  const files = { "tequio/src/main.ts": line, "cli/a.ts": line, "engines/src/index.ts": "" };
  assert.deepEqual(found(importDirection, files), ["cli/a.ts:1 import-direction"]);
});

test("imports in strings and comments are no imports", () => {
  const files = {
    "core/pool/index.ts": [
      '// import { a } from "../scheduler/index.ts";',
      "const s = `import { a } from '../scheduler/index.ts'`;",
    ].join("\n"),
    "core/scheduler/index.ts": "",
  };
  assert.deepEqual(found(importDirection, files), []);
});

test("a folder that the table does not know is found", () => {
  assert.deepEqual(found(importDirection, { "extras/a.ts": "" }), [
    "extras/a.ts:1 import-direction",
  ]);
});
