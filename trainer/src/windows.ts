/**
 * Windows of a text as batches of token ids and targets. Which windows a site may read is decided
 * by the aggregator; where the text comes from is corpus.ts.
 */
import { type Random, shuffled } from "./random.ts";

/** train is learned from, gate judges contributions, report is shown; none overlaps another. */
export type PartName = "train" | "gate" | "report";

export interface Part {
  readonly name: PartName;
  readonly bytes: Uint8Array;
  /** Ids of the text: its bytes themselves, or those of a trained tokenizer. */
  readonly tokens: Uint8Array | Uint16Array;
}

/** What windows are read from: a part, or any ids. */
export type Text = Pick<Part, "tokens">;

/** Token ids and their targets, one window after the other. */
export interface Batch {
  readonly x: Int32Array;
  /** The token after each of x. */
  readonly y: Int32Array;
}

/**
 * Number of windows of a part. Window i starts at token i x context, so windows do not overlap
 * and one pass over them all sees each token once; its last target is the first token of i + 1.
 */
export function windowsOf(part: Text, context: number): number {
  return Math.max(0, Math.floor((part.tokens.length - 1) / context));
}

/** Windows that start at any token of the part; see `fillBatch` for the numbered ones. */
export function fillBatchAt(part: Text, offsets: ArrayLike<number>, context: number): Batch {
  const x = new Int32Array(offsets.length * context);
  const y = new Int32Array(offsets.length * context);
  for (let row = 0; row < offsets.length; row += 1) {
    const from = offsets[row]!;
    const last = part.tokens.length - context - 1;
    if (!(Number.isSafeInteger(from) && from >= 0 && from <= last)) {
      throw new RangeError(`Offset ${from} is not between 0 and ${last}`);
    }
    x.set(part.tokens.subarray(from, from + context), row * context);
    y.set(part.tokens.subarray(from + 1, from + context + 1), row * context);
  }
  return { x, y };
}

/** The windows of these numbers (0 to `windowsOf` - 1) as one batch; throws RangeError beyond. */
export function fillBatch(part: Text, windowIndices: ArrayLike<number>, context: number): Batch {
  const offsets = Array.from(windowIndices, (index) => index * context);
  return fillBatchAt(part, offsets, context);
}

/** A batch at uniformly random offsets, with replacement: one draw for each row. */
export function randomBatch(part: Text, context: number, batch: number, random: Random): Batch {
  const places = part.tokens.length - context - 1;
  const offsets = Array.from({ length: batch }, () => Math.floor(random() * places));
  return fillBatchAt(part, offsets, context);
}

/**
 * Order of the windows for one pass: `order.subarray(a, b)` names the windows of the range a..b
 * that an aggregator hands out. It depends on the number of windows and the seed alone.
 */
export const windowOrder = (part: Text, context: number, seed: number): Int32Array =>
  shuffled(windowsOf(part, context), seed);

/** Batches of a range of windows for `runStretch`: step s takes the s-th slice of the range. */
export function batchesOf(
  part: Text,
  windows: Int32Array,
  context: number,
  batch: number,
): (step: number) => Batch {
  return (step) => {
    const from = step * batch;
    if (from + batch > windows.length) throw new RangeError(`No windows are left for step ${step}`);
    return fillBatch(part, windows.subarray(from, from + batch), context);
  };
}
