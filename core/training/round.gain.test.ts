/** Trust by what contributions help: the gain test inside the round machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Aggregated, RunEvent } from "./round/messages.ts";
import { type RunState, siteOf } from "./round/state.ts";
import { aggregated, find, offer, started } from "./round/stories.testing.ts";
import { step } from "./round.ts";
import { GAIN_ROUNDS } from "./trust/gain.ts";

const SPEEDS = { a: 20_000, b: 20_000, c: 20_000, d: 20_000 };

/** A round in which everybody passes, with the held-out losses after each site's contribution. */
function play(state: RunState, lossAfter: Record<string, number>): readonly RunEvent[] {
  const atMs = state.nowMs + 700;
  for (const { siteId } of [...state.assignments]) step(state, offer(state, siteId, atMs));
  const input = aggregated(state, atMs + 1) as Aggregated;
  const rows = input.rows.map((row) => ({ ...row, lossAfter: lossAfter[row.siteId] ?? 1.9 }));
  return step(state, { ...input, rows });
}

/** Rounds until a site is in quarantine, or `most`. */
function roundsToQuarantine(state: RunState, lossAfter: Record<string, number>, most: number) {
  for (let round = 1; round <= most; round += 1) {
    for (const event of play(state, lossAfter)) {
      if (event.type !== "site.quarantined") continue;
      return { round, siteId: event.siteId, reason: event.reason };
    }
  }
  return undefined;
}

test("a site that passes the gate and helps nobody ends in quarantine, with figures", () => {
  const state = started(SPEEDS, { stop: { rounds: 100 } });
  const found = roundsToQuarantine(state, { d: 1.999 }, 20);
  assert.deepEqual([found?.siteId, found?.round], ["d", GAIN_ROUNDS]);
  assert.match(found!.reason, /over 8 rounds it helped 18 % of what the others' did/);
});

test("it stays there while it only passes, and is back soon after it helps again", () => {
  const state = started(SPEEDS, { stop: { rounds: 100 } });
  roundsToQuarantine(state, { d: 1.999 }, 20);
  for (let round = 0; round < 6; round += 1) {
    assert.equal(find(play(state, { d: 1.999 }), "site.readmitted"), undefined);
  }
  let rounds = 0;
  while (find(play(state, {}), "site.readmitted") === undefined) rounds += 1;
  assert.ok(rounds <= 3, `${rounds} rounds`);
  assert.equal(siteOf(state, "d")?.quarantined, false);
});

test("a site that helps half of what others do is never in quarantine", () => {
  const state = started(SPEEDS, { stop: { rounds: 100 } });
  assert.equal(roundsToQuarantine(state, { d: 1.95 }, 40), undefined);
});

test("a snapshot of before the gain test opens, and the test begins anew", () => {
  const state = started(SPEEDS, { stop: { rounds: 100 } });
  play(state, {});
  for (const site of state.sites) Reflect.deleteProperty(site, "gain");
  const opened: RunState = JSON.parse(JSON.stringify(state));
  assert.equal(roundsToQuarantine(opened, { d: 1.999 }, 20)?.round, GAIN_ROUNDS);
});
