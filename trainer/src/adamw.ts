/**
 * AdamW on the flat vector as ONNX nodes, and the three numbers that the host hands in for each
 * step. The schedule of the rate is the caller's.
 *
 *     m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2
 *     p = p (1 - lr wd) - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
 *
 * (Loshchilov and Hutter, Decoupled Weight Decay Regularization.)
 */
import type { GraphWriter } from "./onnx.ts";

export const BETA1 = 0.9;
export const BETA2 = 0.95;
export const EPSILON = 1e-8;
/** Decoupled decay, on every parameter. */
export const WEIGHT_DECAY = 0.1;

/**
 * The input `sc` of the training step: (lr / (1-b1^t), 1 / (1-b2^t), lr wd).
 * @param t number of the step, counted from 1 over the whole life of m and v
 */
export function stepScalars(learningRate: number, t: number): Float32Array {
  return Float32Array.of(
    learningRate / (1 - BETA1 ** t),
    1 / (1 - BETA2 ** t),
    learningRate * WEIGHT_DECAY,
  );
}

/** Names of p2, m2 and v2, given those of p, m, v, the gradient and the three scalars. */
export function adamw(
  writer: GraphWriter,
  names: {
    readonly p: string;
    readonly m: string;
    readonly v: string;
    readonly gradient: string;
    readonly scalars: string;
  },
): { readonly p2: string; readonly m2: string; readonly v2: string } {
  const { p, m, v, gradient } = names;
  const scalar = (index: number): string =>
    writer.op("Slice", [names.scalars, writer.shape([index]), writer.shape([index + 1])]);
  const scaled = (value: string, by: number): string =>
    writer.op("Mul", [value, writer.scalar(by)]);

  const m2 = writer.op("Add", [scaled(m, BETA1), scaled(gradient, 1 - BETA1)]);
  const squared = writer.op("Mul", [gradient, gradient]);
  const v2 = writer.op("Add", [scaled(v, BETA2), scaled(squared, 1 - BETA2)]);

  const root = writer.op("Sqrt", [writer.op("Mul", [v2, scalar(1)])]);
  const below = writer.op("Add", [root, writer.scalar(EPSILON)]);
  const direction = writer.op("Div", [writer.op("Mul", [m2, scalar(0)]), below]);
  const kept = writer.op("Sub", [writer.scalar(1), scalar(2)]);
  const p2 = writer.op("Sub", [writer.op("Mul", [p, kept]), direction]);
  return { p2, m2, v2 };
}
