// Tests the limits on files, functions and lines, on both sides of each limit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { found } from "./fixture.ts";
import { size } from "./size.ts";

const lines = (count: number, line = "a();"): string => Array(count).fill(line).join("\n");

test("a file of 400 lines passes and one of 401 is found", () => {
  const files = { "cli/a.ts": `${lines(400)}\n`, "cli/b.css": `${lines(401, "a {}")}\n` };
  assert.deepEqual(found(size, files), ["cli/b.css:401 file-length"]);
});

test("functions of 70 lines pass and longer ones are found in every spelling", () => {
  const files = {
    "cli/ok.ts": `function ok() {\n${lines(68)}\n}`,
    "cli/declared.ts": `\nfunction long() {\n${lines(69)}\n}`,
    "cli/arrow.tsx": `const long = () => {\n${lines(69, "<p>Don't {a}</p>;")}\n};`,
    "cli/method.js": `class A {\n  long() {\n${lines(69)}\n}\n}`,
  };
  assert.deepEqual(found(size, files), [
    "cli/arrow.tsx:1 function-length",
    "cli/declared.ts:2 function-length",
    "cli/method.js:2 function-length",
  ]);
});

test("a suite may be long, each of its tests may not", () => {
  const short = `test("a", () => {\n${lines(40)}\n});`;
  const long = `test("a", () => {\n${lines(69)}\n});`;
  const files = { "cli/suite.ts": `function suite() {\n${short}\n${short}\n${long}\n}` };
  assert.deepEqual(found(size, files), ["cli/suite.ts:86 function-length"]);
});

test("a line of 100 columns passes and one of 101 is found, counted in characters", () => {
  const text = `// ${"é".repeat(97)}\n// ${"😀".repeat(97)}\n// ${"a".repeat(98)}`;
  assert.deepEqual(found(size, { "cli/a.ts": text }), ["cli/a.ts:3 line-width"]);
});
