// Tests that error codes and their list cannot drift apart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { codes } from "./codes.ts";
import { found } from "./fixture.ts";

const LIST = [
  "export const CODES = {",
  '  STORE_FULL: "The disk is full.",',
  '  "JOB_UNKNOWN": "No such job.",',
  '  INTERNAL: "A bug.",',
  "} as const satisfies Record<string, string>;",
].join("\n");

test("codes that are not listed are found wherever a refusal can carry them", () => {
  const text = [
    'const a = { ok: false, code: "STORE_FULL", hint };',
    'const b = { ok: false, code: "SITE_AWAY", hint };',
    'const c = { code: full ? "STORE_FULL" : "SITE_GONE" };',
    'refuse("NO_SUCH_THING", "hint");',
    'refusal("JOB_UNKNOWN");',
    'const d = { code: "lower" }; log("INTERNAL", { key: "NOT_A_CODE" }); // code: "IN_COMMENT"',
  ].join("\n");
  const files = { "core/pool/codes.ts": LIST, "cli/a.ts": text };
  assert.deepEqual(found(codes, files), [
    "cli/a.ts:2 code-listed",
    "cli/a.ts:3 code-listed",
    "cli/a.ts:4 code-listed",
  ]);
});

test("a listed code that nothing but a test uses is found", () => {
  const files = {
    "core/pool/codes.ts": LIST,
    "cli/a.ts": 'const a = { code: "STORE_FULL" };\nrefuse("INTERNAL");',
    "cli/a.test.ts": 'const a = { code: "JOB_UNKNOWN" };\nconst b = { code: "ONLY_IN_TEST" };',
  };
  assert.deepEqual(found(codes, files), ["core/pool/codes.ts:3 code-used"]);
});

test("reasons to wait have their own list, and a use by member access counts", () => {
  const files = {
    "core/pool/codes.ts": "export const CODES = { STORE_FULL: 1, STORE_NEWER: 2 };",
    "core/scheduler/reasons.ts": 'export const REASONS = { GANG: "a", HELD: "b" } as const;',
    "core/scheduler/a.ts": 'const a = { code: "GANG" };\nconst b = CODES.STORE_FULL;',
  };
  assert.deepEqual(found(codes, files), [
    "core/pool/codes.ts:1 code-used",
    "core/scheduler/reasons.ts:1 code-used",
  ]);
});
