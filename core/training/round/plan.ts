/**
 * What a round asks of each site: sizes from speed and link, windows from the pool, rates from
 * progress. When a round opens or closes is decided in `settle.ts`.
 */
import { assert } from "../../pool/index.ts";
import { takeWindows, type WindowPool } from "../assignment.ts";
import { lowerMedian } from "../clip.ts";
import { type Codec, codedBytes } from "../codec/index.ts";
import { ROUND_LIMITS } from "../limits.ts";
import {
  chooseInnerSteps,
  codecForLink,
  JOINER_RAMP_STEPS,
  learningRate,
  progressShare,
} from "../schedule.ts";
import {
  fixedStretch,
  planStretch,
  type SizingRules,
  type SizingSite,
  type Stretch,
  targetRoundMs,
} from "../sizing.ts";
import { exchangeMs, speedFromHint, stepMs, tokensPerSecond } from "../speed.ts";
import type { RoundOpened, SittingOut } from "./messages.ts";
import { type Assignment, type OpenPhase, type RunState, type SiteState, siteOf } from "./state.ts";

/** When the run's minutes are over; null if it has none, has not begun, or is paused. */
export function runEndMs(state: RunState): number | null {
  const { minutes } = state.config.stop;
  if (minutes === undefined || state.clockStartMs === null || state.paused !== null) return null;
  return Math.round(state.clockStartMs + 60_000 * minutes);
}

/** The codec of a site's way up. The warm-up model must arrive as it is. */
const codecOf = (state: RunState, site: SiteState, warmUp: boolean): Codec =>
  warmUp ? "fp32" : (state.config.codecUp ?? codecForLink(site.link, state.config.parameters));

/** What a site has to fetch to start from the newest model. */
function bytesDown(state: RunState, site: SiteState): number {
  if (site.modelRound === state.round) return 0;
  const { stepBlob, stepBytes } = state.model;
  if (stepBlob !== null && site.modelRound === state.round - 1) return stepBytes;
  return codedBytes("fp32", state.config.parameters);
}

/** A site as sizing sees it: measured if possible, else as it claims, else a guess. */
export function sizingSite(
  state: RunState,
  site: SiteState,
  warmUp: boolean,
  scale = hintScale,
): SizingSite {
  const { context, parameters } = state.config;
  const hinted = () =>
    (site.tokensPerSecondHint ?? ROUND_LIMITS.TOKENS_PER_SECOND_GUESS) * scale(state);
  const bytesUp = codedBytes(codecOf(state, site, warmUp), parameters);
  return {
    siteId: site.siteId,
    speed: site.speed ?? speedFromHint(hinted(), context),
    transferMs: exchangeMs(site.transferMs, site.link, bytesUp, bytesDown(state, site)),
  };
}

/** Many sites as sizing sees them: what they have in common is worked out once. */
function sizingSites(
  state: RunState,
  sites: readonly SiteState[],
  warmUp: boolean,
): readonly SizingSite[] {
  const scale = hintScale(state);
  return sites.map((site) => sizingSite(state, site, warmUp, () => scale));
}

/**
 * How much faster than their hints the measured sites are, in the middle. Hints come from one kind
 * of calibration, so their ratios tell more than their sizes: one measured site corrects the rest.
 */
function hintScale(state: RunState): number {
  const { referenceBatch, context } = state.config;
  const ratios = state.sites.flatMap(({ speed, tokensPerSecondHint: hint }) =>
    speed === null || hint === null ? [] : [tokensPerSecond(speed, referenceBatch, context) / hint],
  );
  return lowerMedian(ratios) ?? 1;
}

function rulesOf(state: RunState, innerSteps: number): SizingRules {
  const { referenceBatch, batchSizes, maxBatch } = state.config;
  return { innerSteps, referenceBatch, batchSizes, maxBatch };
}

/** H: as configured or chosen before, else by the middle exchange and the fastest step. It holds
 * for the whole run, so the whole model that sites fetch once does not count, only coded steps. */
function innerStepsOf(state: RunState, sites: readonly SizingSite[]): number {
  if (state.innerSteps !== null) return state.innerSteps;
  const { parameters, referenceBatch, codecDown } = state.config;
  const bytesDown = codedBytes(codecDown, parameters);
  const usualMs = sites.map(({ siteId }) => {
    const site = siteOf(state, siteId)!;
    const bytesUp = codedBytes(codecOf(state, site, false), parameters);
    return exchangeMs(site.transferMs, site.link, bytesUp, bytesDown);
  });
  const transferMs = lowerMedian(usualMs) ?? 0;
  const fastestMs = Math.min(...sites.map((site) => stepMs(site.speed, referenceBatch)));
  return chooseInnerSteps(parameters, transferMs, fastestMs);
}

/** Turns planned stretches into assignments, taking windows in the order of the sites. */
function assignAll(
  state: RunState,
  stretches: readonly Stretch[],
  rates: { readonly lrStart: number; readonly lrEnd: number; readonly rampSteps: number },
  warmUp: boolean,
  atMs: number,
): readonly Assignment[] {
  let windows: WindowPool = state.windows;
  return stretches.map((stretch) => {
    const site = siteOf(state, stretch.siteId);
    assert(site !== undefined, "a stretch belongs to a site of the run");
    const taken = takeWindows(windows, stretch.innerSteps * stretch.batch);
    windows = taken.pool;
    const expectedMs = Math.max(1, Math.round(stretch.expectedMs));
    const factor =
      site.speed === null ? ROUND_LIMITS.EXPIRY_FACTOR_UNMEASURED : ROUND_LIMITS.EXPIRY_FACTOR;
    const patienceMs = Math.max(ROUND_LIMITS.EXPIRY_MIN_MS, Math.round(factor * expectedMs));
    return {
      siteId: stretch.siteId,
      round: state.round,
      innerSteps: stretch.innerSteps,
      batch: stretch.batch,
      ...rates,
      dataRange: taken.ranges,
      codec: codecOf(state, site, warmUp),
      modelDigest: state.model.digest,
      assignedMs: atMs,
      expectedMs,
      deadlineMs: atMs + Math.round(ROUND_LIMITS.DEADLINE_SHARE * expectedMs),
      expiresMs: atMs + patienceMs,
      bytesDown: bytesDown(state, site),
    };
  });
}

function opened(
  state: RunState,
  atMs: number,
  parts: Pick<
    RoundOpened,
    "warmUp" | "targetMs" | "innerSteps" | "lrStart" | "lrEnd" | "assignments" | "sittingOut"
  >,
): RoundOpened {
  return {
    type: "round.opened",
    atMs,
    round: state.round,
    modelDigest: state.model.digest,
    modelBlob: state.model.modelBlob,
    stepBlob: state.model.stepBlob,
    momentsBlob: state.model.momentsBlob,
    joinerRampSteps: JOINER_RAMP_STEPS,
    ...parts,
  };
}

/** Warm-up: the fastest of the trusted sites trains alone; the others wait for its model. */
export function planWarmUp(state: RunState, idle: readonly SiteState[], atMs: number): RoundOpened {
  const { referenceBatch, warmUpSteps, learningRate: rate, stop } = state.config;
  const trusted = idle.filter((site) => !site.quarantined);
  const sites = sizingSites(state, trusted.length > 0 ? trusted : idle, true);
  const speedOf = (site: SizingSite) => stepMs(site.speed, referenceBatch);
  const fastest = sites.reduce((best, site) => (speedOf(site) < speedOf(best) ? site : best));
  const shareMs = ROUND_LIMITS.WARM_UP_TIME_SHARE * 60_000 * (stop.minutes ?? Infinity);
  const inTime = Math.floor((shareMs - fastest.transferMs) / speedOf(fastest));
  // A site that only claims its speed is given all steps and, by the deadline, the same time.
  const measured = siteOf(state, fastest.siteId)?.speed !== null;
  const steps = Math.max(1, measured ? Math.min(warmUpSteps, inTime) : warmUpSteps);
  const stretch = fixedStretch(fastest, steps, referenceBatch);
  const rates = { lrStart: rate.warmUp, lrEnd: rate.warmUp };
  const others = idle.filter((site) => site.siteId !== fastest.siteId);
  return opened(state, atMs, {
    warmUp: true,
    targetMs: Math.max(1, Math.round(stretch.expectedMs)),
    innerSteps: steps,
    ...rates,
    assignments: assignAll(
      state,
      [stretch],
      { ...rates, rampSteps: Math.min(rate.rampSteps, steps) },
      true,
      atMs,
    ).map((assignment) => ({
      ...assignment,
      deadlineMs: Math.min(assignment.deadlineMs, Math.round(atMs + shareMs)),
    })),
    sittingOut: others.map(({ siteId }) => ({
      siteId,
      code: "WARM_UP",
      reason: `${fastest.siteId} trains the first ${steps} steps alone`,
    })),
  });
}

/** Progress now, or as it will be after a planned round. */
export function progressAt(state: RunState, atMs: number, rounds: number, tokens: number): number {
  const { stop } = state.config;
  // Warm-up is over before the schedule begins: it takes its share off the ends, too.
  const trainedMs = atMs - (state.scheduleStartMs ?? atMs);
  const beforeMs = (state.scheduleStartMs ?? atMs) - (state.clockStartMs ?? atMs);
  return progressShare(
    {
      ...(stop.minutes === undefined
        ? {}
        : { minutes: Math.max(0.001, stop.minutes - beforeMs / 60_000) }),
      ...(stop.rounds === undefined ? {} : { rounds: stop.rounds }),
      ...(stop.tokens === undefined
        ? {}
        : { tokens: Math.max(1, stop.tokens - state.warmUpTokens) }),
    },
    {
      trainedMs,
      rounds: state.roundsMerged + rounds,
      tokens: state.tokensMerged + tokens,
    },
  );
}

/** A merge round for these sites, or undefined when the time left is too short for any. */
export function planRound(
  state: RunState,
  idle: readonly SiteState[],
  atMs: number,
): RoundOpened | undefined {
  const { context, learningRate: rate } = state.config;
  const sites = sizingSites(state, idle, false);
  const innerSteps = innerStepsOf(state, sites);
  const rules = rulesOf(state, innerSteps);
  const wantedMs = targetRoundMs(sites, rules);
  const leftMs = (runEndMs(state) ?? Infinity) - atMs;
  if (leftMs < ROUND_LIMITS.LAST_ROUND_SHARE * wantedMs) return undefined;
  const fillMs = ROUND_LIMITS.LAST_ROUND_FILL * leftMs;
  const targetMs = Math.max(1, Math.round(Math.min(wantedMs, fillMs)));
  const planned = sites.map((site) => planStretch(site, rules, targetMs));
  const stretches = planned.filter((stretch) => stretch !== undefined);
  if (stretches.length === 0) return undefined;
  const tokens = stretches.reduce((sum, one) => sum + one.innerSteps * one.batch * context, 0);
  const lrStart = learningRate(rate.peak, progressAt(state, atMs, 0, 0));
  const lrEnd = learningRate(rate.peak, progressAt(state, atMs + targetMs, 1, tokens));
  const sittingOut: readonly SittingOut[] = sites.flatMap(({ siteId }, i) =>
    planned[i] === undefined ? [tooSlow(siteId, targetMs)] : [],
  );
  const rates = { lrStart, lrEnd };
  return opened(state, atMs, {
    warmUp: false,
    targetMs,
    innerSteps,
    ...rates,
    assignments: assignAll(state, stretches, { ...rates, rampSteps: 0 }, false, atMs),
    sittingOut,
  });
}

const tooSlow = (siteId: string, targetMs: number): SittingOut => ({
  siteId,
  code: "SITE_TOO_SLOW",
  reason: `not one step and its exchange fit into a round of ${Math.round(targetMs / 1_000)} s`,
});

/** A stretch in the rest of the open round; undefined when too little of it is left. */
export function planJoiner(
  state: RunState,
  phase: OpenPhase,
  site: SiteState,
  atMs: number,
): Assignment | undefined {
  const { innerSteps } = state;
  if (innerSteps === null) return undefined;
  const leftMs = phase.openedMs + phase.targetMs - atMs;
  if (leftMs <= 0) return undefined;
  const sized = sizingSite(state, site, false);
  const stretch = planStretch(sized, rulesOf(state, innerSteps), leftMs);
  const stepsMin = ROUND_LIMITS.LATE_JOIN_STEPS_SHARE * innerSteps;
  if (stretch === undefined || stretch.innerSteps < stepsMin) return undefined;
  const rates = { lrStart: phase.lrStart, lrEnd: phase.lrEnd, rampSteps: 0 };
  return assignAll(state, [stretch], rates, false, atMs)[0];
}
