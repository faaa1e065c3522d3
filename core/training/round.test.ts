/** The round machine, story by story. Random stories are in `round.simulation.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AggregateRow } from "./aggregate.ts";
import { splitRanges } from "./assignment.ts";
import { codedBytes } from "./codec/index.ts";
import { explain } from "./round/explain.ts";
import { pendingAggregation } from "./round/merge.ts";
import type { Offered, RoundClosing, RoundMerged, RunEvent, RunInput } from "./round/messages.ts";
import { nextWakeMs } from "./round/settle.ts";
import { assignmentOf, type RunConfig, type RunState, siteOf } from "./round/state.ts";
import { createRun, decide, step } from "./round.ts";

const config: RunConfig = {
  model: { layers: 2 },
  parameters: 1_000,
  context: 64,
  innerSteps: 15,
  referenceBatch: 16,
  maxBatch: 32,
  batchSizes: [1, 2, 4, 8, 16, 32],
  codecUp: "ternary",
  codecDown: "int8",
  warmUpSteps: 0,
  learningRate: { peak: 4e-3, warmUp: 1e-3, rampSteps: 20 },
  stop: { rounds: 10 },
  quorum: { share: 0.5, min: 1 },
  data: { windows: 5_000, seed: 7 },
  start: { modelDigest: "m0", modelBlob: "blob0" },
};
const link = { rttMs: 10, upMbitPerS: 50, downMbitPerS: 50 };

/** A run with sites of these speeds (tokens/s), all there at time 0. */
function started(speeds: Record<string, number>, changes: Partial<RunConfig> = {}): RunState {
  const state = createRun({ ...config, ...changes }, 0);
  for (const [siteId, tokensPerSecondHint] of Object.entries(speeds)) {
    step(state, { type: "site.available", siteId, link, tokensPerSecondHint, atMs: 0 });
  }
  return state;
}

/** The honest offer of a site for its stretch, with changes. */
function offer(state: RunState, siteId: string, atMs: number, changes: Partial<Offered> = {}) {
  const asked = assignmentOf(state, siteId);
  assert.ok(asked !== undefined, `${siteId} has a stretch`);
  const innerSteps = changes.innerSteps ?? asked.innerSteps;
  const done: Offered = {
    type: "contribution.offered",
    siteId,
    round: asked.round,
    tokens: innerSteps * asked.batch * config.context,
    innerSteps,
    batch: asked.batch,
    computeMs: (asked.expectedMs * innerSteps) / asked.innerSteps,
    transferMs: 20,
    blob: `delta-${siteId}-${asked.round}`,
    bytes: codedBytes(asked.codec, config.parameters),
    codec: asked.codec,
    modelDigest: asked.modelDigest,
    dataRange: splitRanges(asked.dataRange, innerSteps * asked.batch)[0],
    meanLoss: 2.5,
    atMs,
  };
  return { ...done, ...changes };
}

type Verdicts = Record<string, AggregateRow["verdict"]>;

/** What an aggregator answers; all pass unless a verdict by site says otherwise. */
function aggregated(state: RunState, atMs: number, verdicts: Verdicts = {}): RunInput {
  const request = pendingAggregation(state);
  assert.ok(request !== undefined, "a round is being merged");
  const rows = request.contributions.map(({ contributionId, siteId }): AggregateRow => {
    const verdict = verdicts[siteId] ?? "passed";
    const numbers = { norm: 1, clipFactor: 1, lossBefore: 2, lossAfter: 1.9 };
    return { contributionId, siteId, ...numbers, verdict, reason: null };
  });
  const { round } = request;
  return {
    type: "round.aggregated",
    atMs,
    round,
    modelDigest: `m${round}`,
    stepBlob: `step${round}`,
    checkpointBlob: `check${round}`,
    modelBlob: `blob${round}`,
    heldOutLoss: 2,
    bytesDown: 1_020,
    rows,
  };
}

const types = (events: readonly RunEvent[]) => events.map((event) => event.type);
const find = <T extends RunEvent["type"]>(events: readonly RunEvent[], type: T) =>
  events.find((event): event is Extract<RunEvent, { type: T }> => event.type === type);

/** One whole round in which every site that works offers and passes. */
function playRound(state: RunState, atMs: number, verdicts: Verdicts = {}): RoundMerged {
  for (const { siteId } of [...state.assignments]) step(state, offer(state, siteId, atMs));
  const merged = find(step(state, aggregated(state, atMs + 1, verdicts)), "round.merged");
  assert.ok(merged !== undefined);
  return merged;
}

test("sites of unlike speed get the same steps and batches in proportion", () => {
  const state = started({ a: 20_000 });
  step(state, offer(state, "a", 800));
  step(state, { type: "site.available", siteId: "b", link, tokensPerSecondHint: 5_000, atMs: 900 });
  step(state, aggregated(state, 1_000));
  const [a, b] = state.assignments;
  assert.deepEqual([a?.innerSteps, b?.innerSteps], [15, 15]);
  assert.deepEqual([a?.batch, b?.batch], [16, 4]);
  assert.deepEqual([a?.round, a?.modelDigest, a?.bytesDown], [2, "m1", 1_020]);
  assert.equal(b?.bytesDown, 4_012, "a joiner fetches the whole model");
});

test("a round closes at once when everyone is ready, and weights are the tokens", () => {
  const state = started({ a: 20_000, b: 20_000 });
  step(state, { type: "tick", atMs: 1 });
  assert.equal(state.assignments.length, 2, "b joined in the round that a had opened");
  assert.deepEqual(types(step(state, offer(state, "a", 700))), [
    "contribution.accepted",
    "round.quorum",
  ]);
  const events = step(state, offer(state, "b", 720));
  assert.deepEqual(types(events), ["contribution.accepted", "round.closing"]);
  const closing = find(events, "round.closing");
  assert.equal(closing?.reason, "everyone ready");
  assert.deepEqual(closing?.outer, { eta: 0.7, mu: 0.8 });
  const after = step(state, aggregated(state, 900));
  assert.deepEqual(types(after), ["round.merged", "round.opened"]);
  const merged = find(after, "round.merged");
  const sum = merged?.rows.reduce((total, row) => total + row.share, 0);
  assert.equal(sum, 1);
  assert.equal(merged?.tokens, state.tokensMerged);
  assert.ok(merged?.rows.every((row) => row.weight === row.tokens && row.code === null));
});

test("after the quorum a round waits for grace only, and the late one counts half in the next", () => {
  const state = started({ a: 20_000, b: 20_000 });
  step(state, { type: "tick", atMs: 0 });
  step(state, offer(state, "a", 700));
  const wake = nextWakeMs(state);
  assert.ok(wake !== null && wake > 700 && wake < 1_500, `${wake}`);
  const late = offer(state, "b", wake + 500);
  const events = step(state, { type: "tick", atMs: wake });
  assert.equal(find(events, "round.closing")?.reason, "quorum and grace");
  step(state, aggregated(state, wake + 100));
  assert.equal(assignmentOf(state, "b")?.round, 1, "b still trains for round 1");
  assert.deepEqual(types(step(state, late))[0], "contribution.accepted");
  for (const { siteId } of [...state.assignments]) step(state, offer(state, siteId, wake + 900));
  const merged = find(step(state, aggregated(state, wake + 1_000)), "round.merged");
  const row = merged?.rows.find((one) => one.contributionId === "b@1");
  assert.deepEqual([row?.staleness, row?.weight], [1, late.tokens / 2]);
});

test("a site that is two rounds late is dropped, refused, and welcome again", () => {
  const state = started({ a: 20_000, b: 20_000 });
  const tooLate = offer(state, "b", 9_000);
  for (let round = 1; round <= 2; round += 1) {
    step(state, offer(state, "a", 2_000 * round));
    step(state, { type: "tick", atMs: nextWakeMs(state)! });
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
    step(state, { type: "site.available", siteId: "b", link, tokensPerSecondHint: 20_000, atMs: 702 }),
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
    [{ batch: 3 }, "CONTRIBUTION_CLAIMS"],
    [{ dataRange: [{ pass: 0, from: 1, to: 241 }] }, "CONTRIBUTION_CLAIMS"],
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

test("one site goes on alone; when all are gone the run waits and says so", () => {
  const state = started({ a: 20_000 });
  for (let round = 1; round <= 3; round += 1) playRound(state, 1_000 * round);
  assert.equal(state.roundsMerged, 3);
  assert.deepEqual(types(step(state, { type: "site.gone", siteId: "a", atMs: 4_000 })), [
    "site.left",
  ]);
  assert.equal(explain(state).run?.code, "NO_SITES");
  const wake = nextWakeMs(state);
  assert.ok(wake !== null && wake > 4_000);
  const gone = step(state, { type: "tick", atMs: wake });
  assert.deepEqual(types(gone), ["site.dropped", "round.abandoned"]);
  assert.equal(nextWakeMs(state), null);
  const back = step(state, { type: "site.available", siteId: "a", link, atMs: wake + 1 });
  assert.deepEqual(types(back), ["site.joined", "round.opened"]);
  assert.equal(find(back, "round.opened")?.round, 4);
});

test("a short silence of the only site costs nothing", () => {
  const state = started({ a: 20_000 });
  step(state, { type: "site.gone", siteId: "a", atMs: 300 });
  step(state, { type: "site.available", siteId: "a", link, atMs: 400 });
  assert.equal(types(step(state, offer(state, "a", 700))).at(-1), "round.closing");
});

test("another site does not wait for one that left with the whole round", () => {
  const state = started({ a: 20_000 });
  step(state, { type: "site.gone", siteId: "a", atMs: 300 });
  const events = step(state, {
    type: "site.available",
    siteId: "b",
    link,
    tokensPerSecondHint: 900,
    atMs: 700,
  });
  assert.deepEqual(types(events), ["site.joined", "round.abandoned", "round.opened"]);
  assert.deepEqual(find(events, "round.opened")?.assignments[0]?.siteId, "b");
});

test("a joiner gets a stretch in the open round if there is time, else in the next", () => {
  const early = started({ a: 20_000 });
  const join = { type: "site.available", siteId: "b", link, tokensPerSecondHint: 20_000 } as const;
  assert.deepEqual(types(step(early, { ...join, atMs: 100 })), ["site.joined", "site.assigned"]);
  assert.equal(assignmentOf(early, "b")?.batch, 16);
  const late = started({ a: 20_000 });
  const roundMs = assignmentOf(late, "a")!.expectedMs;
  assert.deepEqual(types(step(late, { ...join, atMs: roundMs - 10 })), ["site.joined"]);
  assert.equal(explain(late).sites[1]?.code, "TOO_LATE_FOR_ROUND");
  playRound(late, roundMs);
  assert.equal(late.assignments.length, 2);
});

test("warm-up is done by the fastest site, exactly and alone, and the others wait for it", () => {
  const state = createRun({ ...config, warmUpSteps: 300 }, 0);
  step(state, { type: "pause", atMs: 0 });
  for (const [siteId, tokensPerSecondHint] of [["a", 5_000], ["b", 20_000]] as const) {
    step(state, { type: "site.available", siteId, link, tokensPerSecondHint, atMs: 0 });
  }
  const opened = find(step(state, { type: "resume", atMs: 10 }), "round.opened");
  const [only] = opened?.assignments ?? [];
  assert.deepEqual([only?.siteId, only?.codec, only?.innerSteps], ["b", "fp32", 300]);
  assert.deepEqual([only?.lrStart, only?.lrEnd, only?.rampSteps], [1e-3, 1e-3, 20]);
  assert.deepEqual(explain(state).sites.map((site) => site.code), ["WARM_UP", "STRETCH_OPEN"]);
  const done = step(state, offer(state, "b", 20_000, { momentsBlob: "moments" }));
  const closing = find(done, "round.closing");
  assert.deepEqual([closing?.outer, closing?.codecDown], [{ eta: 1, mu: 0 }, "fp32"]);
  const next = find(step(state, aggregated(state, 20_100)), "round.opened");
  assert.deepEqual([next?.round, next?.warmUp, next?.momentsBlob], [1, false, "moments"]);
  assert.equal(next?.assignments.length, 2);
  assert.equal(next?.lrStart, 4e-3, "the cosine begins after warm-up");
});

test("when the site that warms up leaves or fails, another one begins anew", () => {
  const state = started({ a: 20_000, b: 10_000 }, { warmUpSteps: 300 });
  const gone = step(state, { type: "site.gone", siteId: "a", atMs: 500 });
  assert.deepEqual(types(gone), ["site.left", "round.abandoned", "round.opened"]);
  step(state, offer(state, "b", 9_000));
  const next = find(step(state, aggregated(state, 9_100, { b: "gate-failed" })), "round.opened");
  assert.deepEqual([next?.warmUp, next?.round], [true, 1]);
  assert.deepEqual(state.windows.returned, [], "the returned windows were handed out again");
});

test("three failed gates lead to quarantine, three clean ones out of it", () => {
  const state = started({ a: 20_000, b: 20_000, c: 20_000 });
  for (let round = 1; round <= 3; round += 1) playRound(state, 1_000 * round, { b: "gate-failed" });
  assert.ok(siteOf(state, "b")?.quarantined);
  const rows = playRound(state, 4_000).rows;
  assert.deepEqual(
    rows.map((row) => [row.siteId, row.weight > 0, row.code]),
    [
      ["a", true, null],
      ["b", false, "SITE_QUARANTINED"],
      ["c", true, null],
    ],
  );
  playRound(state, 5_000);
  playRound(state, 6_000);
  assert.equal(siteOf(state, "b")?.quarantined, false);
  assert.ok(playRound(state, 7_000).rows.every((row) => row.weight > 0));
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

test("a pause lets the open round finish, opens no other, and does not eat the run's minutes", () => {
  const state = started({ a: 20_000 }, { stop: { minutes: 1 } });
  step(state, { type: "pause", atMs: 100 });
  step(state, offer(state, "a", 700));
  assert.deepEqual(types(step(state, aggregated(state, 800))), ["round.merged"]);
  assert.equal(nextWakeMs(state), null);
  assert.deepEqual(types(step(state, { type: "tick", atMs: 90_000 })), []);
  const events = step(state, { type: "resume", atMs: 100_100 });
  assert.deepEqual(types(events), ["run.resumed", "round.opened"]);
  assert.equal(state.clockStartMs, 100_000);
});

test("runs end by rounds, tokens, time or order", () => {
  const byRounds = started({ a: 20_000 }, { stop: { rounds: 2 } });
  playRound(byRounds, 1_000);
  playRound(byRounds, 2_000);
  assert.deepEqual(byRounds.phase, { kind: "finished", atMs: 2_001, reason: "rounds reached" });
  const byTokens = started({ a: 20_000 }, { stop: { tokens: 15 * 16 * 64 + 1 } });
  playRound(byTokens, 1_000);
  assert.equal(byTokens.phase.kind, "open");
  playRound(byTokens, 2_000);
  assert.equal(byTokens.phase.kind, "finished");
  const byTime = started({ a: 20_000 }, { stop: { minutes: 0.02 } });
  playRound(byTime, 780);
  assert.equal(assignmentOf(byTime, "a")?.deadlineMs !== undefined, true);
  assert.equal(nextWakeMs(byTime), 1_200);
  const over = step(byTime, { type: "tick", atMs: 1_200 });
  assert.deepEqual(over.at(-1), { type: "run.finished", atMs: 1_200, reason: "time is up" });
  assert.equal(byTime.windows.returned.length, 1, "unfinished windows went back");
  const byOrder = started({ a: 20_000 });
  const stopped = step(byOrder, { type: "stop", atMs: 5 });
  assert.deepEqual(types(stopped), ["run.stopping", "run.finished"]);
  assert.equal(nextWakeMs(byOrder), null);
});

test("the last round of a timed run is cut to the time that is left", () => {
  const state = started({ a: 20_000 }, { stop: { minutes: 0.02 } });
  const stretch = assignmentOf(state, "a")!;
  playRound(state, 780);
  const last = assignmentOf(state, "a")!;
  assert.ok(last.expectedMs <= 1.1 * (1_200 - 781), `${last.expectedMs}`);
  assert.ok(last.batch < stretch.batch);
  assert.ok(last.lrEnd < stretch.lrStart / 5);
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

test("one slow measurement does not shut a site out for good", () => {
  const state = started({ a: 20_000, b: 20_000 });
  step(state, offer(state, "b", 600, { computeMs: 40_000 }));
  let opened: RunEvent | undefined;
  let round = 0;
  step(state, offer(state, "a", 700));
  do {
    round += 1;
    const events: readonly RunEvent[] = step(state, aggregated(state, 1_000 * round));
    opened = find(events, "round.opened");
    if (assignmentOf(state, "b") === undefined) step(state, offer(state, "a", 1_000 * round + 1));
  } while (assignmentOf(state, "b") === undefined && round < 9);
  assert.ok(round > 1 && round < 9, `b is back in round ${round + 1}`);
  assert.equal(opened?.type, "round.opened");
});

test("the request to the aggregator can be had again after a restart", () => {
  const state = started({ a: 20_000 });
  const first = find(step(state, offer(state, "a", 700)), "round.closing");
  const restored: RunState = JSON.parse(JSON.stringify(state));
  const request: RoundClosing | undefined = pendingAggregation(restored);
  assert.deepEqual(request, first);
});
