// Tests which exported functions count as explained.
import assert from "node:assert/strict";
import { test } from "node:test";
import { docstrings } from "./docstrings.ts";
import { found } from "./fixture.ts";

test("exported functions without a docstring directly above are found in every spelling", () => {
  const text = [
    "export function a() {}",
    "// A plain comment.",
    "export const b = () => 1;",
    "/** Too far away. */",
    "",
    "export async function c() {}",
    "const d = function () {};",
    "export { d as e };",
    "export default function () {}",
  ].join("\n");
  assert.deepEqual(
    found(docstrings, { "core/pool/index.ts": text }),
    [1, 3, 6, 7, 9].map((line) => `core/pool/index.ts:${line} docstring`),
  );
});

test("a function of one line needs a docstring only where other packages see it", () => {
  const text = "export const a = () => 1;\nexport function b() {\n  return 1;\n}";
  const files = {
    "core/pool/index.ts": 'export * from "./shown.ts";\nimport "./hidden.ts";',
    "core/pool/shown.ts": 'export { a } from "./deeper.ts";',
    "core/pool/deeper.ts": text,
    "core/pool/hidden.ts": text,
  };
  assert.deepEqual(found(docstrings, files), [
    "core/pool/deeper.ts:1 docstring",
    "core/pool/deeper.ts:2 docstring",
    "core/pool/hidden.ts:2 docstring",
  ]);
});

test("explained functions, types, constants, private functions and tests pass", () => {
  const text = [
    "/** Says what it does. */",
    "export function a(x: string): void;",
    "export function a(x: number): void;",
    "export function a() {}",
    "/** Says what it does. */ export const b = () => 1;",
    "export interface C { d(): void }",
    "export const LIMIT = 3;",
    "function hidden() {}",
  ].join("\n");
  const files = { "core/pool/index.ts": text, "core/pool/b.test.ts": "export function a() {}" };
  assert.deepEqual(found(docstrings, files), []);
});
