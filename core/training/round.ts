/**
 * The round machine of a spanning training: from facts to decisions. It opens rounds, sizes
 * stretches, judges contributions, asks for merges, and drops, quarantines and readmits sites.
 * It neither waits nor computes with tensors: time comes with the inputs, arithmetic is done by
 * a shell that calls `aggregate.ts`, and `nextWakeMs` says when it wants to be woken.
 *
 *     for (const event of decide(state, input)) { journal(event); apply(state, event); }
 */
import { assert, type Link } from "../pool/index.ts";
import { ROUND_LIMITS } from "./limits.ts";
import { apply } from "./round/apply.ts";
import { merged } from "./round/merge.ts";
import type { RunEvent, RunInput } from "./round/messages.ts";
import { judgeOffer } from "./round/offer.ts";
import { nextEvent } from "./round/settle.ts";
import { newRun, type RunConfig, type RunState, siteOf } from "./round/state.ts";

/** A new run. Throws on a configuration that the edge should have refused. */
export function createRun(config: RunConfig, atMs: number): RunState {
  const { parameters, context, referenceBatch, maxBatch, batchSizes } = config;
  for (const size of [parameters, context, referenceBatch, maxBatch, ...batchSizes]) {
    assert(Number.isInteger(size) && size > 0, "sizes of a run are whole and positive");
  }
  const smallest = Math.min(...batchSizes);
  assert(smallest <= Math.min(maxBatch, referenceBatch), "a batch size fits the limits of a run");
  return newRun(config, atMs);
}

/** The events that follow from an input. The state is not changed: apply them in order. */
export const decide = (state: RunState, input: RunInput): readonly RunEvent[] =>
  step(structuredClone(state), input);

/** Decides and applies at once, in place; returns the events for the journal. */
export function step(state: RunState, input: RunInput): readonly RunEvent[] {
  const events: RunEvent[] = [];
  for (const event of decisions(state, input)) {
    events.push(event);
    apply(state, event);
  }
  return events;
}

/**
 * What an input leads to, event by event. Whoever asks applies each one before asking for the
 * next, so nothing has to be copied.
 */
export function* decisions(state: RunState, input: RunInput): Generator<RunEvent, void> {
  const atMs = Math.max(state.nowMs, input.atMs);
  yield* react(state, input, atMs);
  // Each site can be assigned, dropped and judged once, each phase can change a few times.
  const enough = 16 * (ROUND_LIMITS.SITES_MAX + 1);
  for (let count = 0; ; count += 1) {
    assert(count < enough, "decisions come to an end");
    const event = nextEvent(state, atMs);
    if (event === undefined) return;
    yield event;
  }
}

/** The direct answer to an input; what else follows is found by `settle.ts`. */
function react(state: RunState, input: RunInput, atMs: number): readonly RunEvent[] {
  switch (input.type) {
    case "site.available":
      return available(state, input, atMs);
    case "site.gone": {
      const here = siteOf(state, input.siteId)?.here === true;
      return here ? [{ type: "site.left", atMs, siteId: input.siteId }] : [];
    }
    case "contribution.offered":
      return offered(state, input, atMs);
    case "round.aggregated":
      if (state.phase.kind !== "aggregating" || input.round !== state.round) return [];
      return [merged(state, state.phase, input, atMs)];
    case "aggregation.failed":
      return aggregationFailed(state, input, atMs);
    case "pause": {
      const over = state.phase.kind === "finished" || state.paused !== null;
      const reason = "paused by a person; the open round goes on to its merge";
      return over ? [] : [{ type: "run.paused", atMs, code: "RUN_PAUSED", reason }];
    }
    case "resume":
      return state.paused === null ? [] : resumed(state, atMs);
    case "stop":
      if (state.phase.kind === "finished" || state.stopAsked) return [];
      return [{ type: "run.stopping", atMs }];
    case "tick":
      return [];
    default:
      return input satisfies never;
  }
}

function available(
  state: RunState,
  input: Extract<RunInput, { type: "site.available" }>,
  atMs: number,
): readonly RunEvent[] {
  const { siteId, link } = input;
  const known = siteOf(state, siteId);
  const hint = input.tokensPerSecondHint ?? null;
  const tokensPerSecondHint = hint !== null && Number.isFinite(hint) && hint > 0 ? hint : null;
  if (known === undefined) {
    const places = Math.min(state.config.maxSites ?? Infinity, ROUND_LIMITS.SITES_MAX);
    if (state.sites.length >= places) {
      const reason = `the run has ${places} sites`;
      return [{ type: "site.refused", atMs, siteId, code: "RUN_FULL", reason }];
    }
  } else if (known.here && known.tokensPerSecondHint === tokensPerSecondHint) {
    if (sameLink(known.link, link)) return [];
  }
  return [{ type: "site.joined", atMs, siteId, link, tokensPerSecondHint }];
}

const sameLink = (a: Link, b: Link): boolean =>
  a.rttMs === b.rttMs &&
  a.upMbitPerS === b.upMbitPerS &&
  a.downMbitPerS === b.downMbitPerS &&
  a.upCapMbitPerS === b.upCapMbitPerS &&
  a.downCapMbitPerS === b.downCapMbitPerS;

/** Who offers something is alive, whatever becomes of the offer. */
function offered(
  state: RunState,
  input: Extract<RunInput, { type: "contribution.offered" }>,
  atMs: number,
): readonly RunEvent[] {
  const judged = judgeOffer(state, input, atMs);
  if (judged === undefined) return [];
  const site = siteOf(state, input.siteId);
  if (site === undefined || site.here) return [judged];
  const { siteId, link, tokensPerSecondHint } = site;
  return [{ type: "site.joined", atMs, siteId, link, tokensPerSecondHint }, judged];
}

function aggregationFailed(
  state: RunState,
  input: Extract<RunInput, { type: "aggregation.failed" }>,
  atMs: number,
): readonly RunEvent[] {
  const { phase } = state;
  if (phase.kind !== "aggregating" || input.round !== state.round) return [];
  if (phase.retryAtMs !== null || state.paused?.code === "AGGREGATION_FAILED") return [];
  const { attempt } = phase;
  const { round, reason } = input;
  const last = attempt % ROUND_LIMITS.AGGREGATION_ATTEMPTS_MAX === 0;
  const waitMs = ROUND_LIMITS.AGGREGATION_RETRY_MS * 2 ** Math.min(attempt - 1, 10);
  const retryAtMs = last ? null : atMs + waitMs;
  const failed: RunEvent = {
    type: "aggregation.failed",
    atMs,
    round,
    attempt,
    reason,
    retryAtMs,
  };
  if (!last) return [failed];
  return [failed, { type: "run.paused", atMs, code: "AGGREGATION_FAILED", reason }];
}

/** After failed merges a resume is the order to try again, at once. */
function resumed(state: RunState, atMs: number): readonly RunEvent[] {
  const { phase } = state;
  const back: RunEvent = { type: "run.resumed", atMs };
  if (phase.kind !== "aggregating" || state.paused?.code !== "AGGREGATION_FAILED") return [back];
  const { attempt } = phase;
  const reason = state.paused.reason;
  const again: RunEvent = {
    type: "aggregation.failed",
    atMs,
    round: state.round,
    attempt,
    reason,
    retryAtMs: atMs,
  };
  return [back, again];
}
