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

interface Readable {
  readonly entry: AggregateEntry;
  readonly delta: Float32Array;
  readonly norm: number;
}

/** The merge; yields parameters whose held-out loss (nats) it wants to be given. */
export function* aggregate(
  input: AggregateInput,
): Generator<Float32Array, AggregateResult, number> {
  const { state, settings } = input;
  const threshold = input.thresholdNats ?? GATE_THRESHOLD_NATS;
  const entries = input.entries.toSorted((a, b) => (a.contributionId < b.contributionId ? -1 : 1));
  const rows = new Map<string, AggregateRow>();
  const readable: Readable[] = [];
  for (const entry of entries) {
    const form = checkForm(entry, state.model.length);
    if ("delta" in form) readable.push(form);
    else rows.set(entry.contributionId, form);
  }
  const weights = readable.map(({ entry }) => entry.weight);
  const factors = clipFactors(
    readable.map((item) => item.norm),
    weights,
  );
  const steps = gateSteps(weights);
  const lossBefore = readable.length > 0 ? yield state.model : Number.NaN;
  const passed = [];
  let scratch = new Float32Array(0);
  for (const [i, { entry, delta, norm: size }] of readable.entries()) {
    const factor = factors[i]!;
    scratch = scratch.length === delta.length ? scratch : new Float32Array(delta.length);
    const step = steps[i]!;
    const lossAfter = yield candidate(state.model, delta, factor * step, scratch);
    const passes = gatePasses(lossBefore, lossAfter, threshold * step);
    if (passes) passed.push({ delta, factor, weight: entry.weight });
    rows.set(entry.contributionId, {
      contributionId: entry.contributionId,
      siteId: entry.siteId,
      norm: size,
      clipFactor: factor,
      lossBefore: finiteOrNull(lossBefore),
      lossAfter: finiteOrNull(lossAfter),
      verdict: passes ? "passed" : "gate-failed",
      reason: passes ? null : gateReason(lossBefore, lossAfter, threshold * step),
    });
  }
  const mean = weightedMean(passed);
  const next = mean === undefined ? state : outerStep(state, mean, settings);
  return {
    model: next.model,
    momentum: next.momentum,
    rows: entries.map((entry) => rows.get(entry.contributionId)!),
    totalWeight: passed.reduce((sum, { weight }) => sum + weight, 0),
  };
}

/** Finite losses only: JSON has no NaN, and rows are journalled. */
const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

const gateReason = (before: number, after: number, threshold: number): string =>
  `held-out loss ${after.toFixed(4)} is not below ${before.toFixed(4)} + ${threshold.toFixed(4)}`;

/** Length and finite norm; the norm also catches sums that overflow. */
function checkForm(entry: AggregateEntry, length: number): Readable | AggregateRow {
  if (!(entry.delta instanceof Float32Array)) return unreadable(entry, entry.delta.message);
  if (entry.delta.length !== length) {
    return unreadable(entry, `${entry.delta.length} values, but the model has ${length}`);
  }
  const size = norm(entry.delta);
  if (!Number.isFinite(size)) return unreadable(entry, "the norm of the delta is not finite");
  return { entry, delta: entry.delta, norm: size };
}

const unreadable = (entry: AggregateEntry, reason: string): AggregateRow => ({
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
