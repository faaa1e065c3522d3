// Memory that a busy moment took is given back when nothing goes on, and not while something does.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const FILE = new URL("./idle-memory.ts", import.meta.url).href;

/** Fills the young generation, then waits `idle`ly or not; prints how many bytes the heap lost. */
const program = (idle: boolean): string => `
  import { giveBackWhenIdle } from ${JSON.stringify(FILE)};
  let kept = Array.from({ length: 600_000 }, (_, i) => ({ i }));
  kept = [];
  const before = process.memoryUsage().heapTotal;
  giveBackWhenIdle(50);
  const endAt = performance.now() + 1_500;
  const turn = () => {
    const now = performance.now();
    while (${!idle} && performance.now() < now + 20);
    if (now < endAt) setTimeout(turn, ${idle} ? 100 : 0);
    else console.log(before - process.memoryUsage().heapTotal);
  };
  turn();
`;

function lostBytes(idle: boolean): number {
  const args = ["--input-type=module", "-e", program(idle)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.match(stdout, /^-?\d+\n$/, stderr);
  return Number(stdout);
}

test("an idle process gives back what it took, a busy one keeps it", () => {
  assert.ok(lostBytes(true) > 8e6);
  assert.ok(lostBytes(false) < 8e6);
});
