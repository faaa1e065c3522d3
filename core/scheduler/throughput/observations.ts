// What was measured: how long equal work took on which devices. Plain data for the state of the
// pool, bounded, exact on every machine; what follows from it is in table.ts.
import { assert } from "../../pool/index.ts";
import type { Device } from "./prior.ts";

/** Kinds of work on kinds of devices that are remembered; of more the longest unseen goes. */
const CELLS_KEPT = 2_000;

/** Observations of one cell; when there are more, each counts half as much as before. */
const OBSERVATIONS_KEPT = 64;

/** Steps between two powers of two: a time is remembered to about 3 %. */
const STEPS = 16;

/** Equal work on a number of equal devices: how often which time was seen. */
export interface Cell {
  readonly kind: string;
  readonly device: Device;
  readonly count: number;
  /** Times by step of the scale (`stepOf`) with how often, shortest first. */
  times: readonly (readonly [step: number, often: number])[];
}

/** Part of the pool's state. */
export interface Observations {
  /** By kind, device and count; the one that was seen last stands at the end. */
  readonly cells: Map<string, Cell>;
  /** How many there were in all, forgotten ones included. */
  seen: number;
}

/** Nothing measured yet. */
export const noObservations = (): Observations => ({ cells: new Map(), seen: 0 });

/** One measured piece of work. */
export interface Observation {
  /** Pieces of one kind are compared with each other: see `kindOf` and `runKindOf`. */
  readonly kind: string;
  readonly device: Device;
  /** Devices that worked at it together. */
  readonly count: number;
  /** Time of the work: of a whole job, or of a unit of it; positive, any unit that the kind keeps
   * to. */
  readonly time: number;
}

/** Name of a device: `gpu h100 sxm5 80gb`. */
export const deviceKey = ({ kind, model }: Device): string => `${kind} ${model.toLowerCase()}`;

/** Key of a cell. */
export const cellKey = (kind: string, device: Device, count: number): string =>
  JSON.stringify([kind, deviceKey(device), count]);

/** Jobs of one project whose names differ in numbers only do the same work. */
export const kindOf = ({ project, name }: { readonly project: string; readonly name: string }) =>
  `${project}/${name.replace(/\d+/g, "#")}`;

/** Training a model of one shape is the same work, whoever does it. */
export const runKindOf = (model: {
  readonly width: number;
  readonly layers: number;
  readonly context: number;
  readonly vocab: number;
}): string => `run ${model.width}x${model.layers} context ${model.context} vocab ${model.vocab}`;

/** Adds one. Up to OBSERVATIONS_KEPT of a cell their order does not matter. */
export function observe(state: Observations, { kind, device, count, time }: Observation): void {
  assert(time > 0 && Number.isFinite(time) && count > 0, "what was measured took some time");
  const key = cellKey(kind, device, count);
  const cell = state.cells.get(key) ?? { kind, device, count, times: [] };
  cell.times = faded(added(cell.times, stepOf(time)));
  state.cells.delete(key);
  state.cells.set(key, cell);
  state.seen += 1;
  if (state.cells.size <= CELLS_KEPT) return;
  for (const oldest of state.cells.keys()) {
    state.cells.delete(oldest);
    break;
  }
}

type Times = Cell["times"];

function added(times: Times, step: number): Times {
  const others = times.filter(([other]) => other !== step);
  const often = times.find(([other]) => other === step)?.[1] ?? 0;
  return [...others, [step, often + 1] as const].sort(([a], [b]) => a - b);
}

function faded(times: Times): Times {
  if (oftenIn(times) <= OBSERVATIONS_KEPT) return times;
  // What was seen once, long ago, is forgotten; what was just added counts more than that.
  return times.flatMap(([step, often]) => (often >= 1 ? [[step, often / 2] as const] : []));
}

const oftenIn = (times: Times): number => times.reduce((sum, [, often]) => sum + often, 0);

/** Weight of what a cell has seen. */
export const weightOf = ({ times }: Cell): number => oftenIn(times);

/** Natural logarithm of the median time: half of the weight lies on each side. */
export function logMedian({ times }: Cell): number {
  const half = oftenIn(times) / 2;
  let before = 0;
  for (const [step, often] of times) {
    if (before + often >= half) {
      const next = times.find(([other]) => other > step)?.[0] ?? step;
      // Exactly in the middle between two: their mean.
      return before + often === half ? (logOf(step) + logOf(next)) / 2 : logOf(step);
    }
    before += often;
  }
  throw new Error("Invariant broken: a cell has seen something");
}

/**
 * Step of a time on a scale of STEPS to a power of two. Made of exact operations alone, unlike a
 * logarithm: a replayed journal must give the same state on every machine.
 */
export function stepOf(time: number): number {
  let power = 0;
  let rest = time;
  for (; rest >= 2; rest /= 2) power += 1;
  for (; rest < 1; rest *= 2) power -= 1;
  return power * STEPS + Math.floor((rest - 1) * STEPS);
}

/** Natural logarithm of the middle of a step. */
function logOf(step: number): number {
  const power = Math.floor(step / STEPS);
  const middle = (step - power * STEPS + 0.5) / STEPS;
  return power * Math.LN2 + Math.log1p(middle);
}
