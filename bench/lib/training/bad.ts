// What bad sites do to their batches and deltas. Each is as strong as its kind can be without
// knowing the others' text: they know the model, the rules and their own honest delta.
import { type Batch, mulberry32, normal } from "@tequio/trainer";

export const BAD_KINDS = [
  ...(["sign-flip", "x10", "x100", "nan", "random", "stale", "label-flip"] as const),
  ...(["zeros", "copy", "copy-public"] as const),
] as const;
export type BadKind = (typeof BAD_KINDS)[number];

/** One bad site over its rounds. */
export interface Turn {
  batch(honest: Batch): Batch;
  /** What it sends in place of its honest delta, given the model that it was sent. */
  delta(honest: Float32Array, model: Float32Array): Float32Array;
}

const VOCAB = 256;
const same = (honest: Batch): Batch => honest;
const only = (delta: Turn["delta"]): Turn => ({ batch: same, delta });
const scaled = (by: number): Turn => only((honest) => honest.map((value) => by * value));

/** Rounds after which it learns nothing any more and sends its old work again. */
const STALE_AFTER = 3;

/** A bad site of each kind, with its own seed of chance. */
export const BAD_SITES: Readonly<Record<BadKind, (seed: number) => Turn>> = {
  "sign-flip": () => scaled(-1),
  x10: () => scaled(-10),
  x100: () => scaled(-100),
  nan: () => only((honest) => honest.map((value, i) => (i % 1_000 === 0 ? Number.NaN : value))),
  random: (seed) => {
    const random = mulberry32(seed);
    return only((honest) => {
      const size = Math.sqrt(honest.reduce((sum, v) => sum + v * v, 0) / honest.length);
      return honest.map(() => size * normal(random));
    });
  },
  stale: () => {
    const kept: Float32Array[] = [];
    return only((honest) => {
      if (kept.length < STALE_AFTER) kept.push(honest.slice());
      return kept.at(-1) ?? honest;
    });
  },
  "label-flip": () => ({
    batch: ({ x, y }) => ({ x, y: y.map((token) => VOCAB - 1 - token) }),
    delta: (honest) => honest,
  }),
  zeros: () => only((honest) => honest.map(() => 0)),
  // A site that is twice a member sends the other's work; here its own of the round before.
  copy: () => {
    let before: Float32Array | undefined;
    return only((honest) => {
      const sent = before ?? honest;
      before = honest;
      return sent;
    });
  },
  // The step of the model is public: sent back it looks like training.
  "copy-public": () => {
    let before: Float32Array | undefined;
    return only((honest, model) => {
      const start = before;
      before = model.slice();
      return start === undefined ? honest : start.map((value, i) => value - model[i]!);
    });
  },
};
