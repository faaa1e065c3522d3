/**
 * The whole of this folder on a problem small enough to see through: four sites of speed
 * 1 : 1/2 : 1/4 : 1/8 fit a line in 24 dimensions, ternary up and int4 down, against the fastest
 * site alone in the same time. Both use the best of the same learning rates.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregate } from "./aggregate.ts";
import { windowsOf } from "./assignment.ts";
import { type Codec, codedBytes, decode, encodeWithFeedback } from "./codec/index.ts";
import { applyDownlink, difference, downlinkStep } from "./downlink.ts";
import type { OuterState } from "./outer.ts";
import type { RoundClosing, RunInput } from "./round/messages.ts";
import { type Assignment, assignmentOf, type RunState } from "./round/state.ts";
import { createRun, step } from "./round.ts";
import { learningRate, stepRate } from "./schedule.ts";

const DIMENSIONS = 24;
const WINDOWS = 20_000;
/** A step of batch 16 takes the fastest site 160 ms, so it does 600 steps in this time. */
const MINUTES = 1.6;
const ROW_MS = 10;
const link = { rttMs: 0, upMbitPerS: 1_000, downMbitPerS: 1_000 };

/** A hash to -1..1: the data are a function of their index. */
function noise(index: number, salt: number): number {
  let x = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return (((x ^ (x >>> 15)) >>> 0) / 2 ** 32) * 2 - 1;
}

/** Features of unlike size make the problem ill-conditioned, as real ones are. */
const feature = (index: number, k: number): number => noise(index, k) * (k < 12 ? 1 : 0.25);
const truth = Array.from({ length: DIMENSIONS }, (_, k) => 3 * noise(k, 77));

function gradient(model: Float32Array, rows: readonly number[]): Float32Array {
  const sum = new Float32Array(DIMENSIONS);
  for (const row of rows) {
    let error = -3 * noise(row, 999);
    for (let k = 0; k < DIMENSIONS; k += 1) error += (model[k]! - truth[k]!) * feature(row, k);
    for (let k = 0; k < DIMENSIONS; k += 1) sum[k]! += (error * feature(row, k)) / rows.length;
  }
  return sum;
}

/** Excess loss over the best line, exact: features are independent and uniform. */
const excess = (model: Float32Array): number =>
  model.reduce((sum, x, k) => sum + ((x - truth[k]!) * (k < 12 ? 1 : 0.25)) ** 2 / 6, 0);

function descend(model: Float32Array, rate: number, rows: readonly number[]): void {
  const slope = gradient(model, rows);
  for (let k = 0; k < DIMENSIONS; k += 1) model[k] = model[k]! - rate * slope[k]!;
}

function alone(peak: number): number {
  const model = new Float32Array(DIMENSIONS);
  const steps = Math.floor((60_000 * MINUTES) / (16 * ROW_MS));
  for (let at = 0; at < steps; at += 1) {
    const rows = Array.from({ length: 16 }, (_, i) => at * 16 + i);
    descend(model, learningRate(peak, at / steps), rows);
  }
  return excess(model);
}

interface Site {
  model: Float32Array;
  residual: Float32Array;
  blob: Uint8Array;
}

/** A site trains its stretch and says what it did. */
function train(state: RunState, site: Site, asked: Assignment, rowMs: number): RunInput {
  const rows = [...windowsOf(state.windows, asked.dataRange)];
  const end = site.model.slice();
  const rate = { start: asked.lrStart, end: asked.lrEnd };
  for (let at = 0; at < asked.innerSteps; at += 1) {
    const batch = rows.slice(at * asked.batch, (at + 1) * asked.batch);
    descend(end, stepRate(rate, at, asked.innerSteps), batch);
  }
  const coded = encodeWithFeedback(asked.codec, difference(site.model, end), site.residual);
  site.residual = new Float32Array(coded.residual);
  site.blob = coded.bytes;
  const { siteId, round, innerSteps, batch, codec, modelDigest, dataRange } = asked;
  const computeMs = innerSteps * batch * rowMs;
  const claims = { siteId, round, innerSteps, batch, codec, modelDigest, dataRange, computeMs };
  return {
    type: "contribution.offered",
    ...claims,
    tokens: innerSteps * batch,
    transferMs: 1,
    blob: `${siteId}@${round}`,
    bytes: codedBytes(codec, DIMENSIONS),
    meanLoss: 1,
    atMs: Math.round(asked.assignedMs + computeMs),
  };
}

/** The aggregator merges and steps; all sites apply the same coded step. */
function merge(
  outer: OuterState,
  request: RoundClosing,
  sites: ReadonlyMap<string, Site>,
): { readonly outer: OuterState; readonly input: RunInput } {
  const entries = request.contributions.map(({ contributionId, siteId, weight }) => {
    const delta = decode(sites.get(siteId)!.blob);
    return { contributionId, siteId, weight, delta: delta.ok ? delta.value : delta };
  });
  const merging = aggregate({ state: outer, settings: request.outer, entries, thresholdNats: 5 });
  let next = merging.next();
  while (!next.done) next = merging.next(excess(next.value));
  const { model, momentum, rows } = next.value;
  const [first] = sites.values();
  const { bytes } = downlinkStep(request.codecDown, model, first!.model);
  for (const site of sites.values()) {
    const applied = applyDownlink(site.model, bytes);
    assert.ok(applied.ok);
    site.model = applied.value;
  }
  const { round, atMs } = request;
  const blobs = { stepBlob: `s${round}`, checkpointBlob: null, modelBlob: `b${round}` };
  const input: RunInput = {
    type: "round.aggregated",
    ...{ round, atMs, rows, ...blobs, modelDigest: `m${round}` },
    heldOutLoss: excess(model),
    bytesDown: bytes.length,
  };
  return { outer: { model, momentum }, input };
}

function pooled(speeds: readonly number[], peak: number, codecUp: Codec): number {
  let state = createRun(
    {
      model: null,
      parameters: DIMENSIONS,
      context: 1,
      innerSteps: 15,
      referenceBatch: 16,
      maxBatch: 16,
      batchSizes: [1, 2, 4, 8, 16],
      codecUp,
      codecDown: "int4",
      warmUpSteps: 0,
      learningRate: { peak, warmUp: peak, rampSteps: 0 },
      stop: { minutes: MINUTES },
      quorum: { share: 0.5, min: 1 },
      data: { windows: WINDOWS, seed: 11 },
      start: { modelDigest: "m0", modelBlob: "b0" },
    },
    0,
  );
  const sites = new Map<string, Site>();
  step(state, { type: "pause", atMs: 0 });
  const zeros = () => new Float32Array(DIMENSIONS);
  for (const [i, share] of speeds.entries()) {
    const tokensPerSecondHint = (1_000 * share) / ROW_MS;
    step(state, { type: "site.available", siteId: `s${i}`, link, tokensPerSecondHint, atMs: 0 });
    sites.set(`s${i}`, { model: zeros(), residual: zeros(), blob: new Uint8Array() });
  }
  let outer: OuterState = { model: zeros(), momentum: zeros() };
  let events = step(state, { type: "resume", atMs: 0 });
  while (state.phase.kind !== "finished") {
    const request = events.find((event) => event.type === "round.closing");
    if (request !== undefined) {
      const merged = merge(outer, request, sites);
      outer = merged.outer;
      events = step(state, merged.input);
      state = JSON.parse(JSON.stringify(state));
      continue;
    }
    const offers = state.assignments.map((asked) => {
      const share = speeds[Number(asked.siteId.slice(1))]!;
      return train(state, sites.get(asked.siteId)!, asked, ROW_MS / share);
    });
    assert.ok(offers.length > 0, "somebody works");
    events = offers.toSorted((a, b) => a.atMs - b.atMs).flatMap((offer) => step(state, offer));
  }
  assert.equal(assignmentOf(state, "s0"), undefined);
  return excess(outer.model);
}

const PEAKS = [0.1, 0.2, 0.4, 0.8];
const best = (run: (peak: number) => number): number => Math.min(...PEAKS.map(run));

test("pooled unequal sites end better than the fastest of them alone in the same time", () => {
  const single = best(alone);
  const together = best((peak) => pooled([1, 1 / 2, 1 / 4, 1 / 8], peak, "ternary"));
  const exact = best((peak) => pooled([1, 1 / 2, 1 / 4, 1 / 8], peak, "fp32"));
  const text = `alone ${single}, pooled ${together} with ternary, ${exact} with fp32`;
  assert.ok(together < 0.85 * single, text);
  assert.ok(exact < 0.85 * single, text);
});
