/**
 * The way down: the aggregator keeps its exact model g and the sites' copy h, and sends the coded
 * difference. Both ends add the same decoded bytes, so all sites hold the same h bit for bit;
 * what coding left out stays in g - h and goes with the next round. A new site gets h in fp32.
 */
import { assert, type Outcome, ok, refuse } from "../pool/index.ts";
import { mustDecode } from "./codec/feedback.ts";
import {
  beginMessage,
  type Codec,
  largestOfBlocks,
  readHeader,
  writeValues,
} from "./codec/format.ts";
import { BLOCK } from "./codec/kernels.ts";
import { isSparse } from "./codec/sparse.ts";
import { isTopK } from "./codec/top-k.ts";
import { decodeWindow } from "./codec/window.ts";

/** Coded step of the sites' copy, and the copy after it. */
export interface DownlinkStep {
  readonly bytes: Uint8Array;
  readonly sitesCopy: Float32Array;
}

/** c = Q(g - h); h = h + c. The arguments are not changed. */
export function downlinkStep(
  codec: Codec,
  exact: Float32Array,
  sitesCopy: Float32Array,
): DownlinkStep {
  const copy = sitesCopy.slice();
  const work = downlinkInPlace(codec, exact, copy);
  let done = work.next();
  while (done.done !== true) done = work.next();
  return { bytes: done.value, sitesCopy: copy };
}

/** Values that are worked on at a time: a few milliseconds, after which others get their turn. */
const WINDOW = 1 << 20;

/**
 * The same, window by window and on a copy that the caller hands over, so that a large model needs
 * no memory but that of its message. Yields between windows; gives the message.
 */
export function* downlinkInPlace(
  codec: Codec,
  exact: Float32Array,
  sitesCopy: Float32Array,
): Generator<undefined, Uint8Array> {
  const count = exact.length;
  assert(count === sitesCopy.length, "model and sites' copy are equally long");
  assert(!isTopK(codec) && !isSparse(codec), "a step of the model has all its values");
  const part = (all: Float32Array, from: number) => all.subarray(from, from + WINDOW);
  const largest = new Float32Array(Math.ceil(count / BLOCK));
  for (let from = 0; from < count; from += WINDOW) {
    const step = difference(part(exact, from), part(sitesCopy, from));
    largestOfBlocks(step, largest, from / BLOCK);
    yield undefined;
  }
  const message = beginMessage(codec, count, largest);
  for (let from = 0; from < count; from += WINDOW) {
    const copy = part(sitesCopy, from);
    writeValues(message, from, difference(part(exact, from), copy));
    const { bytes, header } = message;
    const coded = mustDecode(decodeWindow(bytes, header, from, from + copy.length));
    for (let i = 0; i < copy.length; i += 1) copy[i] = copy[i]! + coded[i]!;
    yield undefined;
  }
  return message.bytes;
}

/**
 * What a site does with the step: h = h + c, in a new vector and window by window, so that a large
 * model needs no third vector for c. Refuses damaged bytes and another length.
 */
export function applyDownlink(sitesCopy: Float32Array, bytes: Uint8Array): Outcome<Float32Array> {
  const header = readHeader(bytes);
  if (!header.ok) return header;
  const { count } = header.value;
  if (count !== sitesCopy.length) {
    return refuse(
      "CODEC_INVALID",
      `The step has ${count} values, the model ${sitesCopy.length}.`,
      "Fetch the whole model of the round instead of the step.",
    );
  }
  const next = sitesCopy.slice();
  for (let from = 0; from < count; from += WINDOW) {
    const to = Math.min(count, from + WINDOW);
    const step = decodeWindow(bytes, header.value, from, to);
    if (!step.ok) return step;
    for (let i = from; i < to; i += 1) next[i] = next[i]! + step.value[i - from]!;
  }
  return ok(next);
}

/** a - b in fp32. A delta is the start of a stretch minus its end. */
export function difference(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length);
  for (let i = 0; i < a.length; i += 1) out[i] = a[i]! - b[i]!;
  return out;
}
