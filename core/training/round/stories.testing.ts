/**
 * Helpers of the round machine's stories: a small run, honest offers, an aggregator that agrees.
 * For tests only; nothing of it is exported from this folder.
 */
import assert from "node:assert/strict";
import type { AggregateRow } from "../aggregate.ts";
import { splitRanges } from "../assignment.ts";
import { codedBytes } from "../codec/index.ts";
import { createRun, step } from "../round.ts";
import { pendingAggregation } from "./merge.ts";
import type { Offered, RoundMerged, RunEvent, RunInput } from "./messages.ts";
import { assignmentOf, type RunConfig, type RunState } from "./state.ts";

export const config: RunConfig = {
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
export const link = { rttMs: 10, upMbitPerS: 50, downMbitPerS: 50 };

/** A run with sites of these speeds (tokens/s), all there at time 0. */
export function started(
  speeds: Record<string, number>,
  changes: Partial<RunConfig> = {},
): RunState {
  const state = createRun({ ...config, ...changes }, 0);
  for (const [siteId, tokensPerSecondHint] of Object.entries(speeds)) {
    step(state, { type: "site.available", siteId, link, tokensPerSecondHint, atMs: 0 });
  }
  return state;
}

/** The honest offer of a site for its stretch, with changes. */
export function offer(
  state: RunState,
  siteId: string,
  atMs: number,
  changes: Partial<Offered> = {},
) {
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
export function aggregated(state: RunState, atMs: number, verdicts: Verdicts = {}): RunInput {
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

/** The types of events, in order: what most stories compare. */
export const types = (events: readonly RunEvent[]) => events.map((event) => event.type);
/** The first event of a type, if there is one. */
export const find = <T extends RunEvent["type"]>(events: readonly RunEvent[], type: T) =>
  events.find((event): event is Extract<RunEvent, { type: T }> => event.type === type);

/** One whole round in which every site that works offers and passes. */
export function playRound(state: RunState, verdicts: Verdicts = {}): RoundMerged {
  const atMs = state.nowMs + 700;
  for (const { siteId } of [...state.assignments]) step(state, offer(state, siteId, atMs));
  const merged = find(step(state, aggregated(state, atMs + 1, verdicts)), "round.merged");
  assert.ok(merged !== undefined);
  return merged;
}
