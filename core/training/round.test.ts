/** The round machine, story by story. Random stories: `round.simulation.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "./round/explain.ts";
import type { RunEvent } from "./round/messages.ts";
import { nextWakeMs } from "./round/settle.ts";
import { assignmentOf } from "./round/state.ts";
import {
  aggregated,
  config,
  find,
  link,
  offer,
  playRound,
  started,
  types,
} from "./round/stories.testing.ts";
import { createRun, step } from "./round.ts";

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

test("the whole model that sites fetch once does not lengthen all stretches of a run", () => {
  const { innerSteps: _, ...chosen } = config;
  const parameters = 840_000;
  const slow = { rttMs: 80, upMbitPerS: 10, downMbitPerS: 10 };
  const state = createRun({ ...chosen, parameters }, 0);
  const joins = { type: "site.available", link: slow, tokensPerSecondHint: 10_000 } as const;
  for (const siteId of ["a", "b", "c"]) step(state, { ...joins, siteId, atMs: 0 });
  step(state, { type: "tick", atMs: 0 });
  // A step of 16 windows takes 102 ms; 220 kB up, 847 kB down and two round trips 1,011 ms.
  assert.equal(state.innerSteps, 89);
  assert.equal(state.assignments[0]?.bytesDown, 4 * parameters + 12, "now they do fetch it");
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

test("after the quorum a round waits for grace only; who is late counts half in the next", () => {
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

test("one site goes on alone; when all are gone the run waits and says so", () => {
  const state = started({ a: 20_000 });
  for (let round = 1; round <= 3; round += 1) playRound(state);
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
  assert.equal(assignmentOf(early, "b")?.batch, 8);
  const late = started({ a: 20_000 });
  const roundMs = assignmentOf(late, "a")!.expectedMs;
  assert.deepEqual(types(step(late, { ...join, atMs: roundMs - 10 })), ["site.joined"]);
  assert.equal(explain(late).sites[1]?.code, "TOO_LATE_FOR_ROUND");
  playRound(late);
  assert.equal(late.assignments.length, 2);
});

test("warm-up is done by the fastest site, exactly and alone, and the others wait for it", () => {
  const state = createRun({ ...config, warmUpSteps: 300 }, 0);
  step(state, { type: "pause", atMs: 0 });
  for (const [siteId, tokensPerSecondHint] of [
    ["a", 5_000],
    ["b", 20_000],
  ] as const) {
    step(state, { type: "site.available", siteId, link, tokensPerSecondHint, atMs: 0 });
  }
  const opened = find(step(state, { type: "resume", atMs: 10 }), "round.opened");
  const [only] = opened?.assignments ?? [];
  assert.deepEqual([only?.siteId, only?.codec, only?.innerSteps], ["b", "fp32", 300]);
  assert.deepEqual([only?.lrStart, only?.lrEnd, only?.rampSteps], [1e-3, 1e-3, 20]);
  assert.deepEqual(
    explain(state).sites.map((site) => site.code),
    ["WARM_UP", "STRETCH_OPEN"],
  );
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

test("a pause lets the open round finish, opens no other, and costs no minutes of the run", () => {
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
  playRound(byRounds);
  playRound(byRounds);
  assert.deepEqual(byRounds.phase, { kind: "finished", atMs: 1_402, reason: "rounds reached" });
  const byTokens = started({ a: 20_000 }, { stop: { tokens: 15 * 16 * 64 + 1 } });
  playRound(byTokens);
  assert.equal(byTokens.phase.kind, "open");
  playRound(byTokens);
  assert.equal(byTokens.phase.kind, "finished");
  const byTime = started({ a: 20_000 }, { stop: { minutes: 0.02 } });
  playRound(byTime);
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
  playRound(state);
  const last = assignmentOf(state, "a")!;
  assert.ok(last.expectedMs <= 0.9 * (1_200 - 701), `${last.expectedMs}`);
  assert.ok(last.batch < stretch.batch);
  assert.ok(last.lrEnd < stretch.lrStart / 5);
});

test("at the end of a timed run a round without half of its tokens is not merged", () => {
  const end = (first: string) => {
    const state = started({ a: 40_000, b: 10_000 }, { stop: { minutes: 0.05 } });
    step(state, offer(state, first, 600));
    return types(step(state, { type: "tick", atMs: 3_000 }));
  };
  assert.deepEqual(end("b").at(-1), "run.finished", "a fifth of the tokens is mostly noise");
  assert.deepEqual(end("a"), ["round.closing"]);
});

test("one slow measurement does not shut a site out for good", () => {
  const state = started({ a: 20_000, b: 20_000 });
  step(state, offer(state, "b", 600, { computeMs: 200_000 }));
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
