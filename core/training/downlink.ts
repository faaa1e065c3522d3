/**
 * The way down: the aggregator keeps its exact model g and the sites' copy h, and sends the coded
 * difference. Both ends add the same decoded bytes, so all sites hold the same h bit for bit;
 * what coding left out stays in g - h and goes with the next round. A new site gets h in fp32.
 */
import { assert, type Outcome, ok, refuse } from "../pool/index.ts";
import { mustDecode } from "./codec/feedback.ts";
import { type Codec, decode, encode } from "./codec/format.ts";

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
  assert(exact.length === sitesCopy.length, "model and sites' copy are equally long");
  const bytes = encode(codec, difference(exact, sitesCopy));
  return { bytes, sitesCopy: sum(sitesCopy, mustDecode(decode(bytes))) };
}

/** What a site does with the step: h = h + c. Refuses damaged bytes and another length. */
export function applyDownlink(sitesCopy: Float32Array, bytes: Uint8Array): Outcome<Float32Array> {
  const step = decode(bytes);
  if (!step.ok) return step;
  if (step.value.length !== sitesCopy.length) {
    return refuse(
      "CODEC_INVALID",
      `The step has ${step.value.length} values, the model ${sitesCopy.length}.`,
      "Fetch the whole model of the round instead of the step.",
    );
  }
  return ok(sum(sitesCopy, step.value));
}

/** a - b in fp32. A delta is the start of a stretch minus its end. */
export function difference(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length);
  for (let i = 0; i < a.length; i += 1) out[i] = a[i]! - b[i]!;
  return out;
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length);
  for (let i = 0; i < a.length; i += 1) out[i] = a[i]! + b[i]!;
  return out;
}
