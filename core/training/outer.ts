/**
 * The outer optimiser: the weighted mean of the deltas and the Nesterov step that it drives.
 * Clipping and the gate come before (`clip.ts`, `gate.ts`); who sums what is in `aggregate.ts`.
 */
import { assert } from "../pool/index.ts";

/** Step size eta and momentum mu of the outer step. */
export interface OuterSettings {
  readonly eta: number;
  readonly mu: number;
}

/** Exact global model and outer momentum; both are part of the checkpoint. */
export interface OuterState {
  readonly model: Float32Array;
  readonly momentum: Float32Array;
}

/** A clipped delta and its weight (tokens x gate x staleness). */
export interface WeightedDelta {
  readonly delta: Float32Array;
  /** Factor of the norm clip, at most 1. */
  readonly factor: number;
  /** Zero or more. */
  readonly weight: number;
}

/** Who moves the matrices of the sites' models; absent in a run: AdamW, or a command's own. */
export type InnerOptimiser = "adamw" | "muon";

/** Runs of at least so many rounds count as long: measured at 20 (0.9 won) and 80 (0.8 won). */
const LONG_RUN_ROUNDS = 40;

/**
 * Outer settings by inner steps (training reference, 3.4): momentum must fall as H falls, for
 * at H = 5 a momentum of 0.9 ended at 2.20 instead of 1.975. Measured at H = 5, 8, 15 and 30;
 * the borders between them are chosen by us.
 */
function steadySettings(innerSteps: number, plannedRounds?: number): OuterSettings {
  if (innerSteps < 8) return { eta: 0.9, mu: 0.5 };
  if (innerSteps < 10) return { eta: 0.7, mu: 0.75 };
  if (innerSteps < 30) return { eta: 0.7, mu: 0.8 };
  const long = plannedRounds === undefined || plannedRounds >= LONG_RUN_ROUNDS;
  return { eta: 0.7, mu: long ? 0.8 : 0.9 };
}

/**
 * Steps of Muon are of one size whatever the gradient's, so that a mean delta loses less of its
 * length and wants less momentum: at H 8, rate 0.015 and 600 steps 0.3, 0.5 and 0.75 ended at
 * 1.708, 1.696 and 1.722; with four unequal sites 0.5 was better by 0.02 too (decision 0032).
 */
const MUON_STEADY: OuterSettings = { eta: 0.7, mu: 0.5 };
const MUON_STEADY_SHORT: OuterSettings = { eta: 0.8, mu: 0.3 };
/** Stretches of fewer steps count as short. */
const MUON_SHORT_STEPS = 6;

const muonSettings = (innerSteps: number): OuterSettings =>
  innerSteps < MUON_SHORT_STEPS ? MUON_STEADY_SHORT : MUON_STEADY;

/** Share of a run after which its steps shrink, and the settings at its very end: see below. */
const ANNEAL_FROM = 0.88;
const AT_END: OuterSettings = { eta: 0.4, mu: 0.4 };

/**
 * Settings of a step at a progress of 0 to 1. Over the last eighth both fall along a line, which
 * does most of what averaging the last models would do and needs no further vector: the noise of
 * single rounds, which the inner rate's cosine leaves, is gone at the end (decision 0020).
 */
export function outerSettings(
  innerSteps: number,
  plannedRounds?: number,
  progress = 0,
  optimiser: InnerOptimiser = "adamw",
): OuterSettings {
  const { eta, mu } =
    optimiser === "muon" ? muonSettings(innerSteps) : steadySettings(innerSteps, plannedRounds);
  const along = Math.min(1, Math.max(0, (progress - ANNEAL_FROM) / (1 - ANNEAL_FROM)));
  const towards = (steady: number, end: number): number =>
    along === 0 ? steady : steady + along * (Math.min(steady, end) - steady);
  return { eta: towards(eta, AT_END.eta), mu: towards(mu, AT_END.mu) };
}

/** For top-k a published setting (Covenant): the values kept are an extract and not the delta, and
 * a momentum would repeat them for many rounds. */
export const TOP_K_STEP: OuterSettings = { eta: 0.4, mu: 0 };

/** A plain average, for warm-up: the one site's model becomes the global one. */
export const PLAIN_STEP: OuterSettings = { eta: 1, mu: 0 };

/** Entries that are summed at a time: 32 kB of fp64 sums stay in the first-level cache. */
const SLICE = 4_096;

/**
 * D = sum w f d / sum w, summed in fp64 in the order given, so callers sort by site first:
 * then a replay is bit-identical. Returns undefined when no weight is left.
 */
export function weightedMean(deltas: readonly WeightedDelta[]): Float32Array | undefined {
  const kept = deltas.filter((entry) => entry.weight > 0);
  const total = kept.reduce((sum, entry) => sum + entry.weight, 0);
  const length = kept[0]?.delta.length;
  if (length === undefined) return undefined;
  assert(
    kept.every((entry) => entry.delta.length === length),
    "all deltas of a round are equally long",
  );
  const mean = new Float32Array(length);
  const sums = new Float64Array(SLICE);
  for (let from = 0; from < length; from += SLICE) {
    const size = Math.min(SLICE, length - from);
    sums.fill(0);
    for (const { delta, factor, weight } of kept)
      addScaled(sums, delta, from, size, factor * weight);
    for (let i = 0; i < size; i += 1) mean[from + i] = sums[i]! / total;
  }
  return mean;
}

function addScaled(
  sums: Float64Array,
  delta: Float32Array,
  from: number,
  size: number,
  scale: number,
): void {
  for (let i = 0; i < size; i += 1) sums[i]! += scale * delta[from + i]!;
}

/**
 * The Nesterov step on copies: mom = mu mom + D; g = g - eta (D + mu mom). A step without momentum
 * (mu = 0, the warm-up) leaves none behind: a whole warm-up's delta, many times that of a round,
 * would drive the rounds after it far past their aim.
 */
export function outerStep(
  state: OuterState,
  mean: Float32Array,
  settings: OuterSettings,
): OuterState {
  const owned = { model: state.model.slice(), momentum: state.momentum.slice() };
  outerStepInPlace(owned, mean, settings);
  return owned;
}

/** The same step on buffers that the caller hands over; they hold the new state afterwards. */
export function outerStepInPlace(
  owned: OuterState,
  mean: Float32Array,
  { eta, mu }: OuterSettings,
): void {
  const { model, momentum } = owned;
  assert(
    model.length === mean.length && momentum.length === mean.length,
    "model, momentum and mean delta are equally long",
  );
  for (let i = 0; i < mean.length; i += 1) {
    const next = Math.fround(mu * momentum[i]! + mean[i]!);
    momentum[i] = mu === 0 ? 0 : next;
    model[i] = model[i]! - eta * (mean[i]! + mu * next);
  }
}
