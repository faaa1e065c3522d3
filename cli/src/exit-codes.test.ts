// The table of exit codes: scripts rely on it.
import assert from "node:assert/strict";
import test from "node:test";
import { EXIT, EXIT_MEANS, exitCodeOf } from "./exit-codes.ts";

test("each kind of trouble has its own exit code", () => {
  const expected: readonly (readonly [string, number])[] = [
    ["USAGE", 2],
    ["INVALID_REQUEST", 3],
    ["IMPOSSIBLE_REQUEST", 3],
    ["NOT_FOUND", 4],
    ["UNAUTHENTICATED", 5],
    ["FORBIDDEN", 5],
    ["POOL_UNREACHABLE", 6],
    ["PORT_TAKEN", 7],
    ["STORE_LOCKED", 7],
    ["JOURNAL_CORRUPT", 7],
    ["INTERNAL", 1],
    ["A_CODE_FROM_A_NEWER_POOL", 3],
  ];
  for (const [code, exit] of expected) assert.equal(exitCodeOf(code), exit, code);
});

test("every exit code is explained, and no number is used twice", () => {
  const codes = Object.values(EXIT);
  assert.equal(new Set(codes).size, codes.length);
  assert.deepEqual([...EXIT_MEANS.keys()], codes);
});
