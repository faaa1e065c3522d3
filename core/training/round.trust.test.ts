/** What the round machine refuses, survives and repeats: bad claims, doubles, failures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "./round/explain.ts";
import { pendingAggregation } from "./round/merge.ts";
import type { Offered, RoundClosing } from "./round/messages.ts";
import { nextWakeMs } from "./round/settle.ts";
import { assignmentOf, type RunState, siteOf } from "./round/state.ts";
import {
  aggregated,
  find,
  link,
  offer,
  playRound,
  started,
  types,
} from "./round/stories.testing.ts";
import { decide, step } from "./round.ts";

test("a site that is two rounds late is dropped, refused, and welcome again", () => {
  const state = started({ a: 20_000, b: 20_000 });
  const tooLate = offer(state, "b", 9_000);
  for (let round = 1; round <= 2; round += 1) {
    step(state, offer(state, "a", 2_000 * round));
    step(state, aggregated(state, 2_000 * round + 900));
  }
  assert.deepEqual(
    [siteOf(state, "b")?.here, siteOf(state, "b")?.away?.code],
    [false, "MISSED_ROUND"],
  );
  const refused = find(step(state, tooLate), "contribution.refused");
  assert.equal(refused?.code, "CONTRIBUTION_TOO_OLD");
  assert.ok(siteOf(state, "b")?.here, "who offers something is alive");
});

test("duplicates change nothing, a second different blob is refused", () => {
  const state = started({ a: 20_000, b: 20_000 });
  const first = offer(state, "a", 700);
  step(state, first);
  const before = JSON.stringify(state);
  assert.deepEqual(step(state, { ...first, atMs: 701 }), []);
  assert.deepEqual(
    step(state, {
      type: "site.available",
      siteId: "b",
      link,
      tokensPerSecondHint: 20_000,
      atMs: 702,
    }),
    [],
  );
  assert.equal(JSON.stringify(state), before);
  const other = step(state, { ...first, blob: "other", atMs: 703 });
  assert.equal(find(other, "contribution.refused")?.code, "CONTRIBUTION_REPEATED");
  assert.equal(state.offered.length, 1);
});

test("every claim that does not fit is refused with its code, and the windows go back", () => {
  const flaws: readonly [Partial<Offered>, string][] = [
    [{ modelDigest: "other" }, "MODEL_DIGEST_MISMATCH"],
    [{ codec: "int8" }, "CODEC_MISMATCH"],
    [{ bytes: 3 }, "CONTRIBUTION_SIZE"],
    [{ tokens: 1e9 }, "CONTRIBUTION_CLAIMS"],
    [{ innerSteps: 0 }, "CONTRIBUTION_CLAIMS"],
    [{ innerSteps: 16 }, "CONTRIBUTION_CLAIMS"],
    [{ dataRange: [{ pass: 0, from: 0, to: 241 }] }, "CONTRIBUTION_CLAIMS"],
    [{ computeMs: Number.NaN }, "CONTRIBUTION_CLAIMS"],
    [{ transferMs: -1 }, "CONTRIBUTION_CLAIMS"],
    [{ meanLoss: Number.NaN }, "LOSS_NOT_FINITE"],
  ];
  for (const [change, code] of flaws) {
    const state = started({ a: 20_000, b: 20_000 });
    const range = assignmentOf(state, "a")?.dataRange;
    const events = step(state, offer(state, "a", 700, change));
    const refused = find(events, "contribution.refused");
    assert.deepEqual([refused?.code, refused?.stretchVoid], [code, true], JSON.stringify(change));
    assert.deepEqual(state.windows.returned, range);
    assert.equal(assignmentOf(state, "a"), undefined, "it gets no other one in this round");
  }
  const state = started({ a: 20_000 });
  for (const old of [{ batch: 3 }, { dataRange: [{ pass: 0, from: 1, to: 241 }] }]) {
    const refused = find(step(state, offer(state, "a", 1, old)), "contribution.refused");
    assert.deepEqual([refused?.code, refused?.stretchVoid], ["CONTRIBUTION_NOT_ASSIGNED", false]);
  }
  const stranger = step(state, { ...offer(state, "a", 1), siteId: "x" });
  assert.equal(find(stranger, "contribution.refused")?.code, "RUN_SITE_UNKNOWN");
  const early = step(state, offer(state, "a", 1, { round: 5 }));
  assert.equal(find(early, "contribution.refused")?.code, "CONTRIBUTION_NOT_ASSIGNED");
});

test("a site that stops at its deadline gives what it has; the other windows go back", () => {
  const state = started({ a: 20_000 });
  step(state, offer(state, "a", 700, { innerSteps: 5 }));
  assert.deepEqual(state.windows.returned, [{ pass: 0, from: 80, to: 240 }]);
  step(state, aggregated(state, 900));
  assert.deepEqual(assignmentOf(state, "a")?.dataRange[0], { pass: 0, from: 80, to: 320 });
});

test("three failed gates lead to quarantine, three clean ones out of it", () => {
  const state = started({ a: 20_000, b: 20_000, c: 20_000 });
  for (let round = 1; round <= 3; round += 1) playRound(state, { b: "gate-failed" });
  assert.ok(siteOf(state, "b")?.quarantined);
  const rows = playRound(state).rows;
  assert.deepEqual(
    rows.map((row) => [row.siteId, row.weight > 0, row.code]),
    [
      ["a", true, null],
      ["b", false, "SITE_QUARANTINED"],
      ["c", true, null],
    ],
  );
  playRound(state);
  playRound(state);
  assert.equal(siteOf(state, "b")?.quarantined, false);
  assert.ok(playRound(state).rows.every((row) => row.weight > 0));
  const totals = state.totals.find((row) => row.siteId === "b");
  assert.deepEqual([totals?.roundsOffered, totals?.roundsMerged, totals?.refused], [7, 1, 6]);
});

test("a failed aggregation is tried again with growing waits, then the run pauses", () => {
  const state = started({ a: 20_000 });
  step(state, offer(state, "a", 700));
  let atMs = 800;
  for (const waitMs of [5_000, 10_000]) {
    step(state, { type: "aggregation.failed", round: 1, reason: "disk full", atMs });
    assert.equal(nextWakeMs(state), atMs + waitMs);
    assert.equal(pendingAggregation(state), undefined);
    atMs += waitMs;
    assert.deepEqual(types(step(state, { type: "tick", atMs })), ["round.closing"]);
  }
  const last = step(state, { type: "aggregation.failed", round: 1, reason: "disk full", atMs });
  assert.deepEqual(types(last), ["aggregation.failed", "run.paused"]);
  assert.equal(explain(state).run?.code, "AGGREGATION_FAILED");
  const again = step(state, { type: "resume", atMs: atMs + 1 });
  assert.deepEqual(types(again), ["run.resumed", "aggregation.failed", "round.closing"]);
  assert.ok(find(step(state, aggregated(state, atMs + 2)), "round.merged"));
});

test("decide does not change the state", () => {
  const state = started({ a: 20_000 });
  const before = JSON.stringify(state);
  const events = decide(state, offer(state, "a", 700));
  assert.deepEqual(types(events), ["contribution.accepted", "round.closing"]);
  assert.equal(JSON.stringify(state), before);
});

test("a run has as many sites as it may have", () => {
  const state = started({ a: 20_000 }, { maxSites: 1 });
  const events = step(state, { type: "site.available", siteId: "b", link, atMs: 1 });
  assert.equal(find(events, "site.refused")?.code, "RUN_FULL");
});

test("the request to the aggregator can be had again after a restart", () => {
  const state = started({ a: 20_000 });
  const first = find(step(state, offer(state, "a", 700)), "round.closing");
  const restored: RunState = JSON.parse(JSON.stringify(state));
  const request: RoundClosing | undefined = pendingAggregation(restored);
  assert.deepEqual(request, first);
});
