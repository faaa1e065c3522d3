/**
 * Random stories for the round machine: sites of random speed join, fall silent, lie, repeat
 * themselves and come late; merges fail; the machine is stored and restored at any moment. Then
 * the faults stop, and the run must end. A failure names the seed that repeats it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitRanges, type WindowRange, windowCount } from "./assignment.ts";
import { codedBytes } from "./codec/index.ts";
import { apply } from "./round/apply.ts";
import type { RoundClosing, RoundMerged, RunEvent, RunInput } from "./round/messages.ts";
import { nextWakeMs } from "./round/settle.ts";
import type { Assignment, RunConfig, RunState } from "./round/state.ts";
import { createRun, decide, step } from "./round.ts";

/** mulberry32: the small seeded generator of the reference measurements. */
function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ROUNDS = 25;
const FAULTS_END_MS = 60_000;
const STEPS_MAX = 20_000;

interface World {
  readonly random: () => number;
  readonly config: RunConfig;
  state: RunState;
  readonly replayed: RunState;
  readonly queue: { readonly atMs: number; readonly order: number; readonly input: RunInput }[];
  order: number;
  nowMs: number;
  readonly speeds: ReadonlyMap<string, { readonly fixedMs: number; readonly rowMs: number }>;
  /** Windows of accepted contributions, and those that were merged. */
  readonly ranges: Map<string, readonly WindowRange[]>;
  readonly mergedIds: Set<string>;
  readonly mergedWindows: Set<string>;
  /** Time of the last event. */
  lastEventMs: number;
}

const link = { rttMs: 20, upMbitPerS: 20, downMbitPerS: 20 };

function newWorld(seed: number): World {
  const random = seeded(seed);
  const config: RunConfig = {
    model: null,
    parameters: 5_000,
    context: 16,
    ...(random() < 0.7 ? { innerSteps: 10 } : {}),
    referenceBatch: 8,
    maxBatch: 16,
    batchSizes: [1, 2, 3, 4, 6, 8, 12, 16],
    codecDown: "int8",
    warmUpSteps: random() < 0.5 ? 40 : 0,
    learningRate: { peak: 1e-3, warmUp: 1e-3, rampSteps: 5 },
    stop: { rounds: ROUNDS },
    quorum: { share: 0.5, min: 1 },
    data: { windows: 700, seed },
    start: { modelDigest: "m", modelBlob: "b" },
  };
  const names = Array.from({ length: 1 + Math.floor(random() * 5) }, (_, i) => `site-${i}`);
  const speeds = new Map(
    names.map((name) => [name, { fixedMs: 20 * random(), rowMs: 4 + 60 * random() ** 2 }]),
  );
  const world: World = {
    random,
    config,
    state: createRun(config, 0),
    replayed: createRun(config, 0),
    queue: [],
    order: 0,
    nowMs: 0,
    speeds,
    ranges: new Map(),
    mergedIds: new Set(),
    mergedWindows: new Set(),
    lastEventMs: 0,
  };
  for (const siteId of names) announce(world, siteId, 8_000 * random());
  return world;
}

function send(world: World, input: RunInput): void {
  world.order += 1;
  world.queue.push({ atMs: input.atMs, order: world.order, input });
}

function announce(world: World, siteId: string, inMs: number): void {
  const atMs = Math.round(world.nowMs + inMs);
  // Claims are wrong by up to a factor 10 either way.
  const tokensPerSecondHint = world.random() < 0.3 ? null : 500 * 100 ** world.random();
  send(world, { type: "site.available", siteId, link, tokensPerSecondHint, atMs });
}

const chance = (world: World, share: number): boolean =>
  world.nowMs < FAULTS_END_MS && world.random() < share;

/** A site does its stretch and offers it, or does one of the things that sites do. */
function work(world: World, asked: Assignment): void {
  const { siteId, batch, round } = asked;
  const { fixedMs, rowMs } = world.speeds.get(siteId)!;
  if (chance(world, 0.1)) send(world, { type: "site.gone", siteId, atMs: world.nowMs + 200 });
  if (chance(world, 0.08)) return; // The site dies without a word.
  const oneStepMs = (fixedMs + rowMs * batch) * (0.9 + 0.2 * world.random());
  const untilMs = asked.deadlineMs - world.nowMs;
  const innerSteps = Math.max(1, Math.min(asked.innerSteps, Math.floor(untilMs / oneStepMs)));
  const computeMs = innerSteps * oneStepMs;
  const delayMs = chance(world, 0.15) ? 4_000 * world.random() : 0;
  const atMs = Math.round(world.nowMs + computeMs + 60 + delayMs);
  const offer: RunInput = {
    type: "contribution.offered",
    siteId,
    round,
    tokens: innerSteps * batch * world.config.context,
    innerSteps,
    batch,
    computeMs,
    transferMs: 60,
    blob: `${siteId}@${round}#${Math.floor(world.random() * 1e9)}`,
    bytes: codedBytes(asked.codec, world.config.parameters) + (chance(world, 0.03) ? 1 : 0),
    codec: asked.codec,
    modelDigest: chance(world, 0.03) ? "another" : asked.modelDigest,
    dataRange: splitRanges(asked.dataRange, innerSteps * batch)[0],
    meanLoss: chance(world, 0.03) ? Number.NaN : 3,
    atMs,
  };
  send(world, offer);
  if (chance(world, 0.2)) send(world, { ...offer, atMs: atMs + Math.round(300 * world.random()) });
}

/** The aggregator merges, or fails, or says it twice. */
function aggregateLater(world: World, request: RoundClosing): void {
  const { round } = request;
  const atMs = Math.round(world.nowMs + 50 + 500 * world.random());
  if (chance(world, 0.1)) {
    send(world, { type: "aggregation.failed", round, reason: "disk full", atMs });
    return;
  }
  const rows = request.contributions.map(({ contributionId, siteId }) => {
    const failed = chance(world, siteId === "site-1" ? 0.6 : 0.05);
    const verdict = failed ? ("gate-failed" as const) : ("passed" as const);
    const numbers = { norm: 1, clipFactor: 1, lossBefore: 2, lossAfter: 2 };
    return { contributionId, siteId, ...numbers, verdict, reason: null };
  });
  const done: RunInput = {
    type: "round.aggregated",
    atMs,
    round,
    modelDigest: `m${round}`,
    stepBlob: "s",
    checkpointBlob: null,
    modelBlob: "b",
    heldOutLoss: 2,
    bytesDown: 5_100,
    rows: chance(world, 0.05) ? rows.slice(1) : rows,
  };
  send(world, done);
  if (chance(world, 0.1)) send(world, { ...done, atMs: atMs + 10 });
}

function checkMerge(world: World, event: RoundMerged): void {
  const total = event.rows.reduce((sum, row) => sum + row.weight, 0);
  const shares = event.rows.reduce((sum, row) => sum + row.share, 0);
  assert.ok(Math.abs(shares - (total > 0 ? 1 : 0)) < 1e-9, "shares sum to one, or to nothing");
  for (const row of event.rows) {
    assert.ok(row.staleness === 0 || row.staleness === 1, "nothing older than a round is merged");
    assert.equal(row.code === null, row.weight > 0, "what does not count has a reason");
    if (row.weight === 0) continue;
    assert.equal(row.weight, row.staleness === 0 ? row.tokens : row.tokens / 2);
    assert.ok(!world.mergedIds.has(row.contributionId), "no contribution is merged twice");
    world.mergedIds.add(row.contributionId);
    for (const { pass, from, to } of world.ranges.get(row.contributionId) ?? []) {
      for (let at = from; at < to; at += 1) {
        const window = `${pass}:${at}`;
        assert.ok(!world.mergedWindows.has(window), "no window is merged twice in a pass");
        world.mergedWindows.add(window);
      }
    }
  }
}

function onEvent(world: World, event: RunEvent): void {
  world.lastEventMs = event.atMs;
  switch (event.type) {
    case "round.opened":
      for (const assignment of event.assignments) work(world, assignment);
      break;
    case "site.assigned":
      work(world, event.assignment);
      break;
    case "contribution.accepted": {
      const { contributionId, dataRange } = event.contribution;
      assert.ok(!world.ranges.has(contributionId), "a contribution is accepted once");
      world.ranges.set(contributionId, dataRange);
      break;
    }
    case "round.closing":
      aggregateLater(world, event);
      break;
    case "round.merged":
      checkMerge(world, event);
      break;
    case "site.left":
    case "site.dropped":
      announce(world, event.siteId, 3_000 * world.random());
      break;
    case "run.paused":
      send(world, { type: "resume", atMs: world.nowMs + 700 });
      break;
  }
}

/** Every window ever handed out is merged, under way, or back in the pool. */
function checkWindows(world: World): void {
  const { state } = world;
  const merging = state.phase.kind === "aggregating" ? state.phase.contributions : [];
  const held = [...state.assignments, ...state.offered, ...merging];
  const underWay = held.reduce((sum, { dataRange }) => sum + windowCount(dataRange), 0);
  const { pass, windows, next, returned } = state.windows;
  assert.equal(
    world.mergedWindows.size + underWay + windowCount(returned),
    pass * windows + next,
    "no window is lost",
  );
}

/** The next thing that happens: a message, or the wake that the machine asked for. */
function nextInput(world: World): RunInput | undefined {
  world.queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
  const wakeMs = nextWakeMs(world.state);
  const first = world.queue[0];
  if (wakeMs !== null && (first === undefined || wakeMs < first.atMs)) {
    return { type: "tick", atMs: Math.max(wakeMs, world.nowMs) };
  }
  return world.queue.shift()?.input;
}

function play(seed: number): World {
  const world = newWorld(seed);
  let steps = 0;
  while (world.state.phase.kind !== "finished") {
    const input = nextInput(world);
    assert.ok(input !== undefined, `somebody is waited for, but nobody comes (${world.nowMs} ms)`);
    steps += 1;
    assert.ok(steps < STEPS_MAX, "the run ends");
    world.nowMs = Math.max(world.nowMs, input.atMs);
    const events = turn(world, input);
    for (const event of events) {
      apply(world.replayed, JSON.parse(JSON.stringify(event)));
      onEvent(world, event);
    }
    checkWindows(world);
    if (chance(world, 0.02)) send(world, { type: "pause", atMs: world.nowMs + 50 });
  }
  assert.equal(JSON.stringify(world.replayed), JSON.stringify(world.state), "replay is exact");
  return world;
}

/** One input; now and then through a restart, and through `decide` instead of `step`. */
function turn(world: World, input: RunInput): readonly RunEvent[] {
  if (world.random() < 0.2) world.state = JSON.parse(JSON.stringify(world.state));
  if (world.random() < 0.8) return step(world.state, input);
  const before = JSON.stringify(world.state);
  const events = decide(world.state, input);
  assert.equal(JSON.stringify(world.state), before, "decide changes nothing");
  for (const event of events) apply(world.state, event);
  return events;
}

test("whatever sites and links do, accounts are exact, and the run ends when faults do", () => {
  let staleMerged = 0;
  fc.assert(
    fc.property(fc.nat(1_000_000), (seed) => {
      const { state, ranges, mergedIds } = play(seed);
      assert.equal(state.phase.kind === "finished" && state.phase.reason, "rounds reached");
      assert.equal(state.roundsMerged, ROUNDS);
      assert.ok(state.warmedUp && mergedIds.size > 0);
      const merged = state.totals.reduce((sum, row) => sum + row.tokensMerged, 0);
      assert.equal(merged, state.tokensMerged + state.warmUpTokens);
      const offered = state.totals.reduce((sum, row) => sum + row.roundsOffered, 0);
      assert.equal(offered, ranges.size);
      staleMerged += ranges.size - mergedIds.size;
    }),
    { numRuns: 60 },
  );
  assert.ok(staleMerged > 0, "the stories hold contributions that did not count");
});
