/**
 * The two ends of a merge: what the aggregator is asked, and what its answer means for each
 * contribution. The arithmetic is in `aggregate.ts`.
 */
import { isTopK } from "../codec/index.ts";
import { GATE_THRESHOLD_NATS } from "../gate.ts";
import { ROUND_LIMITS } from "../limits.ts";
import { outerSettings, PLAIN_STEP, TOP_K_STEP } from "../outer.ts";
import type { Aggregated, MergedRow, RoundClosing, RoundMerged } from "./messages.ts";
import { progressAt } from "./plan.ts";
import {
  type AggregatingPhase,
  type ClosingEntry,
  type Contribution,
  type RunState,
  siteOf,
} from "./state.ts";

/** The request to the aggregator, also for a second try. */
export function closing(
  state: RunState,
  atMs: number,
  parts: {
    readonly warmUp: boolean;
    readonly attempt: number;
    readonly reason: string;
    readonly contributions: readonly Contribution[];
  },
): RoundClosing {
  const { config } = state;
  return {
    type: "round.closing",
    atMs,
    round: state.round,
    warmUp: parts.warmUp,
    attempt: parts.attempt,
    reason: parts.reason,
    outer:
      parts.warmUp || state.innerSteps === null
        ? PLAIN_STEP
        : isMostlyTopK(parts.contributions)
          ? TOP_K_STEP
          : outerSettings(
              state.innerSteps,
              config.stop.rounds,
              progressAfter(state, atMs, parts),
              config.optimiser,
            ),
    thresholdNats: config.gateThresholdNats ?? GATE_THRESHOLD_NATS,
    // Everybody must start from the warm-up model exactly, and nobody holds a copy of it yet.
    codecDown: parts.warmUp ? "fp32" : config.codecDown,
    contributions: parts.contributions.map((one) => entryOf(state, one)),
  };
}

/** Progress of the run once these are merged; of a second try as of the first, near enough. */
function progressAfter(
  state: RunState,
  atMs: number,
  { contributions }: { readonly contributions: readonly Contribution[] },
): number {
  const tokens = contributions.reduce((sum, one) => sum + one.tokens, 0);
  return progressAt(state, atMs, 1, tokens);
}

/** Whether more than half of the tokens come in a codec that keeps the largest values only. */
function isMostlyTopK(contributions: readonly Contribution[]): boolean {
  const tokensOf = (some: readonly Contribution[]) =>
    some.reduce((sum, { tokens }) => sum + tokens, 0);
  const kept = contributions.filter(({ codec }) => isTopK(codec));
  return 2 * tokensOf(kept) > tokensOf(contributions);
}

/** The request of a round whose contributions lie with the aggregator, once more. */
export function closingAgain(
  state: RunState,
  phase: AggregatingPhase,
  atMs: number,
  attempt: number,
): RoundClosing {
  const { warmUp, closeReason: reason, contributions } = phase;
  return closing(state, atMs, { warmUp, attempt, reason, contributions });
}

/**
 * What the aggregator should be working on, for a shell that has just started; undefined when
 * there is nothing, or when a failed try waits for its next one.
 */
export function pendingAggregation(state: RunState): RoundClosing | undefined {
  const { phase } = state;
  if (phase.kind !== "aggregating" || phase.retryAtMs !== null) return undefined;
  if (state.paused?.code === "AGGREGATION_FAILED") return undefined;
  return closingAgain(state, phase, phase.closedMs, phase.attempt);
}

/** A contribution as the aggregator is asked to judge it. */
export function entryOf(state: RunState, contribution: Contribution): ClosingEntry {
  const { contributionId, siteId, round, blob, bytes, codec, tokens } = contribution;
  const staleness = state.round - round;
  const quarantined = siteOf(state, siteId)?.quarantined ?? false;
  const factor = quarantined ? 0 : staleness === 0 ? 1 : ROUND_LIMITS.STALE_WEIGHT;
  const weight = factor * tokens;
  return { contributionId, siteId, round, blob, bytes, codec, tokens, staleness, weight };
}

/** The round's row: every contribution with its weight, or the reason why it has none. */
export function merged(
  state: RunState,
  phase: AggregatingPhase,
  input: Aggregated,
  atMs: number,
): RoundMerged {
  const found = new Map(input.rows.map((row) => [row.contributionId, row]));
  const rows = phase.contributions.map((one) =>
    rowOf(entryOf(state, one), found.get(one.contributionId)),
  );
  const total = rows.reduce((sum, row) => sum + row.weight, 0);
  const shared = rows.map((row) => ({ ...row, share: total > 0 ? row.weight / total : 0 }));
  const counted = shared.filter((row) => row.weight > 0);
  const counts = new Set(counted.map((row) => row.contributionId));
  const moments = phase.contributions.findLast(
    (one) => one.momentsBlob !== null && counts.has(one.contributionId),
  );
  return {
    type: "round.merged",
    atMs,
    round: state.round,
    warmUp: phase.warmUp,
    modelDigest: input.modelDigest,
    stepBlob: input.stepBlob,
    checkpointBlob: input.checkpointBlob,
    modelBlob: input.modelBlob,
    momentsBlob: moments?.momentsBlob ?? state.model.momentsBlob,
    heldOutLoss: input.heldOutLoss,
    bytesDown: input.bytesDown,
    tokens: counted.reduce((sum, row) => sum + row.tokens, 0),
    durationMs: Math.max(1, phase.closedMs - phase.openedMs),
    rows: shared,
  };
}

function rowOf(
  entry: ClosingEntry,
  found: Aggregated["rows"][number] | undefined,
): Omit<MergedRow, "share"> {
  const { contributionId, siteId, round, tokens, staleness } = entry;
  const verdict = found?.verdict ?? "unreadable";
  const base = {
    contributionId,
    siteId,
    round,
    tokens,
    staleness,
    norm: found?.norm ?? null,
    clipFactor: found?.clipFactor ?? null,
    lossBefore: found?.lossBefore ?? null,
    lossAfter: found?.lossAfter ?? null,
    verdict,
  };
  const none = { weight: 0, reason: found?.reason ?? "the aggregator did not report it" };
  switch (verdict) {
    case "unreadable":
      return { ...base, ...none, code: "CONTRIBUTION_UNREADABLE" };
    case "gate-failed":
      return { ...base, ...none, code: "GATE_FAILED" };
    case "passed":
      if (entry.weight > 0) return { ...base, weight: entry.weight, code: null, reason: null };
      return {
        ...base,
        weight: 0,
        code: "SITE_QUARANTINED",
        reason: "clean, but the site is still in quarantine",
      };
    default:
      return verdict satisfies never;
  }
}
