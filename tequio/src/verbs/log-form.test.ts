// Proves the form of the control plane's lines: JSON where nobody looks, levels kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Shell } from "@tequio/cli";
import { sayLine, sayOf } from "./log-form.ts";

function linesOf(log: "text" | "json"): string[] {
  const out: string[] = [];
  const terminal = { err: (line: string) => out.push(line), nowMs: () => 0 };
  const say = sayOf({ log }, { terminal } as unknown as Shell);
  sayLine(say, "error Member a ended (1); see x.log");
  sayLine(say, "The pool has stopped.");
  return out;
}

test("a line that begins with its level keeps it, others are information", () => {
  const levels = linesOf("json").map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    levels.map(({ level, message }) => [level, message]),
    [
      ["error", "Member a ended (1); see x.log"],
      ["info", "The pool has stopped."],
    ],
  );
});

test("text is for people", () => {
  assert.equal(linesOf("text")[1], "00:00:00 info  The pool has stopped.\n");
});
