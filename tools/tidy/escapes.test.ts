// Tests the search for ways around the compiler and the tests.
import assert from "node:assert/strict";
import { test } from "node:test";
import { escapes } from "./escapes.ts";
import { found } from "./fixture.ts";

// Put together from halves, so that this file does not break the rules that it tests.
const mark = (name: string): string => `// ${name}`;
const UNFINISHED = ["TO" + "DO later", "FIX" + "ME", "XX" + "X here"];

test("any as a type is found; the word elsewhere is not", () => {
  const text = 'let a: any;\nlet b = c as any[];\nconst any = "any"; // any\nlet d: "any";';
  assert.deepEqual(found(escapes, { "cli/a.ts": text }), ["cli/a.ts:1 any", "cli/a.ts:2 any"]);
});

test("a silenced error is found unless it is expected and says why", () => {
  const text = [
    mark("@ts-" + "ignore"),
    mark("@ts-" + "nocheck: because of reasons that are long"),
    mark("@ts-" + "expect-error"),
    mark("@ts-" + "expect-error: a string is refused here by its type"),
    'const s = "@ts-" + "ignore";',
  ].join("\n");
  assert.deepEqual(found(escapes, { "cli/a.ts": text }), [
    "cli/a.ts:1 silenced-error",
    "cli/a.ts:2 silenced-error",
    "cli/a.ts:3 silenced-error",
  ]);
});

test("marks of unfinished work are found in comments of code and style sheets only", () => {
  const text = `${UNFINISHED.map(mark).join("\n")}\nconst a = ${JSON.stringify(UNFINISHED[0])};`;
  const files = { "cli/a.ts": text, "console/a.css": `a {}\n/* ${UNFINISHED[1]} */` };
  assert.deepEqual(found(escapes, files), [
    "cli/a.ts:1 unfinished",
    "cli/a.ts:2 unfinished",
    "cli/a.ts:3 unfinished",
    "console/a.css:2 unfinished",
  ]);
});

test("switched-off tests are found unless they give their reason", () => {
  const text = [
    'test.only("a", f);',
    'describe.skip("a", f);',
    'it.todo("a");',
    "t.skip();",
    'test("a", { skip: true }, f);',
    'test("a", { only: true }, f);',
    't.skip("no browser here");',
    'test("a", { skip: "a tab keeps no checkpoint" }, f);',
    'test("a", { skip: here ? false : "needs a browser" }, f);',
    "rows.skip(3);",
  ].join("\n");
  assert.deepEqual(found(escapes, { "cli/a.test.ts": text }), [
    "cli/a.test.ts:1 only",
    "cli/a.test.ts:2 skip-reason",
    "cli/a.test.ts:3 skip-reason",
    "cli/a.test.ts:4 skip-reason",
    "cli/a.test.ts:5 skip-reason",
    "cli/a.test.ts:6 only",
  ]);
});
