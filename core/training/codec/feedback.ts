/**
 * Error feedback: what the coding of one stretch left out goes with the next one. With beta 1
 * nothing is ever lost, only delayed. When to restore or clear a residual (a refused or a missed
 * round) is decided by the site that keeps it.
 */
import { assert, type Outcome } from "../../pool/index.ts";
import { type Codec, decode, encode } from "./format.ts";
import { isTopK } from "./top-k.ts";

/** Top-k delays most of a delta for many rounds, and what is old points the wrong way: a twentieth
 * of it is forgotten each round (training reference, 3.5; published for 72 B parameters). */
const TOP_K_BETA = 0.95;

/** beta of a codec; 1 loses nothing. */
const feedbackBeta = (codec: Codec): number => (isTopK(codec) ? TOP_K_BETA : 1);

/** A coded delta and what its coding left out. */
export interface Feedback {
  readonly bytes: Uint8Array;
  readonly residual: Float32Array;
}

/**
 * e = beta e + d; c = Q(e); e = e - c (training reference, 3.5), each an fp32 operation.
 * The arguments are not changed. A buffer handed over as `into` is owned by the call from then
 * on and comes back as the residual; it must be neither of the two vectors.
 * Throws like `encode` when a value is not finite.
 */
export function encodeWithFeedback(
  codec: Codec,
  delta: Float32Array,
  residual: Float32Array,
  beta = feedbackBeta(codec),
  into: Float32Array = new Float32Array(delta.length),
): Feedback {
  assert(delta.length === residual.length, "a residual is as long as the delta");
  assert(into.length === delta.length, "the buffer is as long as the delta");
  assert(into !== delta && into !== residual, "the buffer is not one of the arguments");
  for (let i = 0; i < delta.length; i += 1) {
    into[i] = Math.fround(beta * residual[i]!) + delta[i]!;
  }
  const bytes = encode(codec, into);
  const coded = mustDecode(decode(bytes));
  for (let i = 0; i < into.length; i += 1) into[i] = into[i]! - coded[i]!;
  return { bytes, residual: into };
}

/** What `encode` has just written is always readable; anything else is a bug. */
export function mustDecode(decoded: Outcome<Float32Array>): Float32Array {
  assert(decoded.ok, "our own coded bytes decode");
  return decoded.value;
}
