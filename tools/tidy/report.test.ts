// Tests the list of exceptions, and the program as it is started.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { treeOf } from "./fixture.ts";
import { runChecks, toLines } from "./report.ts";

const FILES = { "tools/a.ts": "let a: any;\nlet b: any;\n" };
const EXCUSED = { path: "tools/a.ts", rule: "any", reason: "It tests the compiler." };
const OPENING = { path: "tools/a.ts", rule: "opening-comment", reason: "It is a fixture." };

test("findings are sorted by place and printed one to a line", () => {
  const lines = toLines(runChecks(treeOf(FILES), []));
  assert.deepEqual(
    lines.map((line) => line.split(" ").slice(0, 2).join(" ")),
    ["tools/a.ts:1 any", "tools/a.ts:1 opening-comment", "tools/a.ts:2 any"],
  );
});

test("an exception excuses its rule in its file and nothing else", () => {
  const rules = runChecks(treeOf(FILES), [EXCUSED]).map((finding) => finding.rule);
  assert.deepEqual(rules, ["opening-comment"]);
  assert.deepEqual(runChecks(treeOf(FILES), [EXCUSED, OPENING]), []);
});

test("an exception that excuses nothing any more, or gives no reason, fails", () => {
  const stale = { path: "tools/gone.ts", rule: "any", reason: "It was there once." };
  const findings = runChecks(treeOf(FILES), [EXCUSED, { ...OPENING, reason: " " }, stale]);
  assert.deepEqual(
    findings.map((finding) => finding.message),
    [
      "the exception for tools/a.ts (opening-comment) gives no reason",
      "the exception for tools/gone.ts (any) is no longer needed; remove it",
    ],
  );
});

test("the program prints its findings and a summary, and ends with 1", () => {
  const root = mkdtempSync(join(tmpdir(), "tequio-tidy-"));
  try {
    mkdirSync(join(root, "tools"));
    writeFileSync(join(root, "tools", "a.ts"), "let a: any;\n");
    const main = join(import.meta.dirname, "main.ts");
    const ended = spawnSync(process.execPath, [main, root], { encoding: "utf8" });
    assert.equal(ended.status, 1, ended.stderr);
    assert.match(ended.stdout, /^tools\/a\.ts:1 any /m);
    assert.match(ended.stdout, /^tidy: \d+ findings in 1 files \(\d+ ms\)$/m);
  } finally {
    rmSync(root, { recursive: true });
  }
});
