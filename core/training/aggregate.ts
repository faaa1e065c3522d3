/**
 * One merge, as pure arithmetic: clip, gate, weigh, step. Losses need an executor that answers
 * later, so `aggregate` is a generator: it hands out parameters and is given their loss.
 *
 *     const merge = aggregate(input);
 *     let step = merge.next();
 *     while (!step.done) step = merge.next(await lossOf(step.value));
 *     const { model, momentum, rows } = step.value;
 *
 * Fetching and decoding blobs, the held-out text, the downlink and storing are the shell's.
 */
import { assert, type Refusal } from "../pool/index.ts";
import { clipFactors, norm } from "./clip.ts";
import { GATE_THRESHOLD_NATS, gatePasses, gateSteps } from "./gate.ts";
import { type OuterSettings, type OuterState, outerStep, weightedMean } from "./outer.ts";

/** One contribution of the round: its delta, or why there is none. */
export interface AggregateEntry {
  readonly contributionId: string;
  readonly siteId: string;
  /** Weight if it passes: tokens x staleness x (quarantined ? 0 : 1), from `round.closing`. */
  readonly weight: number;
  /** The decoded delta, or the refusal of `decode`. */
  readonly delta: Float32Array | Refusal;
}

/** All that a merge needs. Nothing of it is changed. */
export interface AggregateInput {
  /** The aggregator's exact model and outer momentum. */
  readonly state: OuterState;
  readonly settings: OuterSettings;
  readonly entries: readonly AggregateEntry[];
  readonly thresholdNats?: number;
}

/** What became of one contribution; the `rows` of the input `round.aggregated`. */
export interface AggregateRow {
  readonly contributionId: string;
  readonly siteId: string;
  readonly norm: number | null;
  readonly clipFactor: number | null;
  readonly lossBefore: number | null;
  /** Null also when the loss was not finite. */
  readonly lossAfter: number | null;
  readonly verdict: "passed" | "gate-failed" | "unreadable";
  /** For a person: why it did not pass. */
  readonly reason: string | null;
}

/** The new outer state and the rows, in the order of the contribution ids. */
export interface AggregateResult extends OuterState {
  readonly rows: readonly AggregateRow[];
  /** Sum of the weights that counted; 0 means that the model did not move. */
  readonly totalWeight: number;
}

/** A contribution as it is judged: by its size, without the values. */
export interface JudgedEntry {
  readonly contributionId: string;
  readonly siteId: string;
  readonly weight: number;
  /** Norm of the delta, or in words why there is none. */
  readonly norm: number | string;
}

/** A model whose held-out loss (nats) is wanted: the one of before (`entry` null), or that less
 * `scale` times the delta of one entry. */
export interface Trial {
  readonly entry: number | null;
  readonly scale: number;
}

/** What is merged: of each entry the factor of its clip and its weight, in the order of merging. */
export interface Judgement {
  readonly passed: readonly {
    readonly entry: number;
    readonly factor: number;
    readonly weight: number;
  }[];
  readonly rows: readonly AggregateRow[];
  readonly totalWeight: number;
}

/**
 * Clip and gate without the values, so that they may lie anywhere: yields the models that it wants
 * tried. Entries must be in the order of their contribution ids.
 */
export function* judge(
  entries: readonly JudgedEntry[],
  thresholdNats = GATE_THRESHOLD_NATS,
): Generator<Trial, Judgement, number> {
  const readable = entries.flatMap((one, entry) =>
    typeof one.norm === "number" ? [{ ...one, norm: one.norm, entry }] : [],
  );
  const weights = readable.map(({ weight }) => weight);
  const factors = clipFactors(
    readable.map((item) => item.norm),
    weights,
  );
  const steps = gateSteps(weights);
  const lossBefore = readable.length > 0 ? yield { entry: null, scale: 0 } : Number.NaN;
  const passed: { entry: number; factor: number; weight: number }[] = [];
  const rows = entries.map((one) =>
    typeof one.norm === "string" ? unreadable(one, one.norm) : undefined,
  );
  for (const [i, { entry, contributionId, siteId, norm: size, weight }] of readable.entries()) {
    const factor = factors[i]!;
    const step = steps[i]!;
    const lossAfter = yield { entry, scale: factor * step };
    // A site that sends nothing does no harm, and no work.
    const passes = size > 0 && gatePasses(lossBefore, lossAfter, thresholdNats * step);
    if (passes) passed.push({ entry, factor, weight });
    rows[entry] = {
      contributionId,
      siteId,
      norm: size,
      clipFactor: factor,
      lossBefore: finiteOrNull(lossBefore),
      lossAfter: finiteOrNull(lossAfter),
      verdict: passes ? "passed" : "gate-failed",
      reason: passes ? null : gateReason(size, lossBefore, lossAfter, thresholdNats * step),
    };
  }
  return {
    passed,
    rows: rows.map((row) => row!),
    totalWeight: passed.reduce((sum, { weight }) => sum + weight, 0),
  };
}

/** The order in which contributions are judged and summed. */
export const byContributionId = (
  a: { readonly contributionId: string },
  b: { readonly contributionId: string },
): number => (a.contributionId < b.contributionId ? -1 : 1);

/** The merge; yields parameters whose held-out loss (nats) it wants to be given. */
export function* aggregate(
  input: AggregateInput,
): Generator<Float32Array, AggregateResult, number> {
  const { state, settings } = input;
  const entries = input.entries.toSorted(byContributionId);
  const deltaOf = (entry: number) => entries[entry]!.delta as Float32Array;
  const judging = judge(
    entries.map((entry) => ({ ...entry, norm: sizeOf(entry, state.model.length) })),
    input.thresholdNats,
  );
  const scratch = new Float32Array(entries.length > 0 ? state.model.length : 0);
  let asked = judging.next();
  while (asked.done !== true) {
    const { entry, scale } = asked.value;
    const tried =
      entry === null ? state.model : candidate(state.model, deltaOf(entry), scale, scratch);
    asked = judging.next(yield tried);
  }
  const { passed, rows, totalWeight } = asked.value;
  const mean = weightedMean(passed.map((part) => ({ ...part, delta: deltaOf(part.entry) })));
  const next = mean === undefined ? state : outerStep(state, mean, settings);
  return { model: next.model, momentum: next.momentum, rows, totalWeight };
}

/** Finite losses only: JSON has no NaN, and rows are journalled. */
const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

function gateReason(size: number, before: number, after: number, threshold: number): string {
  if (size === 0) return "it changes nothing";
  const limit = `${before.toFixed(4)} + ${threshold.toFixed(4)}`;
  return `held-out loss ${after.toFixed(4)} is not below ${limit}`;
}

/** Length and finite norm; the norm also catches sums that overflow. */
function sizeOf({ delta }: AggregateEntry, length: number): number | string {
  if (!(delta instanceof Float32Array)) return delta.message;
  const size = norm(delta);
  return sizeFlaw(delta.length, length, size) ?? size;
}

/** Why a delta of so many values and this norm cannot be merged, in words. */
export function sizeFlaw(values: number, wanted: number, size: number): string | undefined {
  if (values !== wanted) return `${values} values, but the model has ${wanted}`;
  return Number.isFinite(size) ? undefined : "the norm of the delta is not finite";
}

const unreadable = (entry: JudgedEntry, reason: string): AggregateRow => ({
  contributionId: entry.contributionId,
  siteId: entry.siteId,
  norm: null,
  clipFactor: null,
  lossBefore: null,
  lossAfter: null,
  verdict: "unreadable",
  reason,
});

/** g - f d: the model as this contribution alone would make it. */
export function candidate(
  model: Float32Array,
  delta: Float32Array,
  factor: number,
  into: Float32Array = new Float32Array(model.length),
): Float32Array {
  assert(into.length === model.length, "the buffer is as long as the model");
  for (let i = 0; i < model.length; i += 1) into[i] = model[i]! - factor * delta[i]!;
  return into;
}
