// Tests that nothing of the outside world slips into the core.
import assert from "node:assert/strict";
import { test } from "node:test";
import { corePure } from "./core-pure.ts";
import { found } from "./fixture.ts";

const IMPURE = [
  "new Date()",
  "Date.now()",
  "performance.now()",
  "Math.random()",
  "crypto.randomUUID()",
  "setTimeout(f, 1)",
  "setInterval(f, 1)",
  "Promise.resolve(1)",
  "async () => 1",
  "process.env",
  "console.log(1)",
  'fetch("x")',
  "globalThis.x",
  'import("node:fs")',
];

test("each way to a clock, to chance, to waiting and to the outside is found on its line", () => {
  const text = IMPURE.map((expression, index) => `const a${index} = ${expression};`).join("\n");
  const expected = IMPURE.map((_, index) => `core/pool/a.ts:${index + 1} core-pure`);
  assert.deepEqual(found(corePure, { "core/pool/a.ts": text }), expected.toSorted());
});

test("await, a Promise type and a node import are found", () => {
  const text = 'import { x } from "node:fs";\nfunction f(): Promise<void> {}\nawait f();\n';
  assert.deepEqual(found(corePure, { "core/pool/a.ts": text }), [
    "core/pool/a.ts:1 core-pure",
    "core/pool/a.ts:2 core-pure",
    "core/pool/a.ts:3 core-pure",
  ]);
});

test("own names, members, strings, comments, test files and other folders are left alone", () => {
  const clean = [
    "// new Date() would be a clock, fetch the network.",
    "interface A { readonly process: number; fetch(): void; }",
    'const s = "Date.now()" + `Math.random()` + Math.floor(1);',
    "const f = (crypto: number, a: A) => a.process + crypto + /Promise/.lastIndex;",
    "const g = { console: 1 };",
  ].join("\n");
  const files = {
    "core/pool/a.ts": clean,
    "core/pool/a.test.ts": "await Promise.all([new Date()]);",
    "core/pool/a.testing.ts": 'import assert from "node:assert/strict";\nnew Date();',
    "cli/a.ts": "await Promise.all([new Date()]);",
  };
  assert.deepEqual(found(corePure, files), []);
});
