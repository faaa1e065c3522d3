/**
 * The backward half of the model, derived by hand from forward.ts and written as ONNX nodes; the
 * result is the gradient of the loss in the order of the flat vector. Throughout, `dy` is the
 * gradient of a node's output and the functions answer the gradient of its input.
 */
import {
  type AttentionTrace,
  addedAtIds,
  type ForwardTrace,
  GELU_B,
  type GeluTrace,
  type GraphShape,
  type LayerTrace,
  type LossTrace,
  type MlpTrace,
  type NormTrace,
  oneHot,
  type Parameters,
  rowsOf,
  stackedRows,
  usesOneHot,
} from "./forward.ts";
import { layoutOf } from "./layout.ts";
import type { GraphWriter } from "./onnx.ts";

/** WebGPU allows about 12 tensors in one Concat; a tree of sixes stays well below. */
const CONCAT_WIDTH = 6;

/** Takes the gradient of one parameter, by the parameter's name. */
type Keep = (name: string, gradient: string) => void;

const column = (writer: GraphWriter, length: number, value: number): string =>
  writer.floats(new Float32Array(length).fill(value), [length, 1]);

/** Sum over the rows, as a product with a row of ones: faster than ReduceSum. */
function columnSums(writer: GraphWriter, x: string, rows: number): string {
  const ones = writer.floats(new Float32Array(rows).fill(1), [1, rows]);
  return writer.gemm(ones, x);
}

/** y = x W: the gradient of W is kept, that of x answered; no transposed copies. */
function linear(
  writer: GraphWriter,
  x: string,
  weights: string,
  dy: string,
  keep: (gradient: string) => void,
): string {
  keep(writer.gemm(x, dy, { transA: true }));
  return writer.gemm(dy, weights, { transB: true });
}

/**
 * LayerNorm with xh = (x - mean) / std and u = dy gain:
 * dx = (u - rowmean(u) - xh rowmean(u xh)) / std.
 * Both row means are products of a matrix with the column gain / width, so u xh is never built.
 */
function norm(
  writer: GraphWriter,
  trace: NormTrace,
  dy: string,
  shape: GraphShape,
  keep: (gain: string, bias: string) => void,
): string {
  const rows = shape.batch * shape.context;
  const centred = writer.op("Sub", [trace.x, trace.mean]);
  const xh = writer.op("Mul", [centred, trace.inverse]);
  const dyXh = writer.op("Mul", [dy, xh]);
  keep(columnSums(writer, dyXh, rows), columnSums(writer, dy, rows));
  const share = writer.op("Mul", [
    writer.reshape(trace.gain, [shape.width, 1]),
    writer.scalar(1 / shape.width),
  ]);
  const meanU = writer.op("MatMul", [dy, share]);
  const meanUXh = writer.op("MatMul", [dyXh, share]);
  const u = writer.op("Mul", [dy, trace.gain]);
  const less = writer.op("Sub", [u, meanU]);
  const rest = writer.op("Sub", [less, writer.op("Mul", [xh, meanUXh])]);
  return writer.op("Mul", [rest, trace.inverse]);
}

/** With P the softmax: dS = P (dP - rowsum(dP P)), and rowsum(dP P) = rowsum(da a). */
function attention(
  writer: GraphWriter,
  trace: AttentionTrace,
  dy: string,
  shape: GraphShape,
): string {
  const { batch, context, width, heads } = shape;
  const headWidth = width / heads;
  const flipped = (x: string): string => writer.transpose(x, [0, 2, 1]);
  const split = writer.reshape(dy, [batch, context, heads, headWidth]);
  const turned = writer.transpose(split, [0, 2, 1, 3]);
  const da = writer.reshape(turned, [batch * heads, context, headWidth]);
  const dv = writer.op("MatMul", [flipped(trace.weights), da]);
  const dWeights = writer.op("MatMul", [da, flipped(trace.v)]);
  const product = writer.op("Mul", [da, trace.byHead]);
  const rowSums = writer.op("MatMul", [product, column(writer, headWidth, 1)]);
  const dScores = writer.op("Mul", [trace.weights, writer.op("Sub", [dWeights, rowSums])]);
  const scaledDq = writer.op("MatMul", [dScores, trace.k]);
  const dq = writer.op("Mul", [scaledDq, writer.scalar(1 / Math.sqrt(headWidth))]);
  const dk = writer.op("MatMul", [flipped(dScores), trace.q]);
  const stacked = writer.op("Concat", [dq, dk, dv], { axis: 0 });
  const byKind = writer.reshape(stacked, [3, batch, heads, context, headWidth]);
  const byToken = writer.transpose(byKind, [1, 3, 0, 2, 4]);
  return writer.reshape(byToken, [batch * context, 3 * width]);
}

/**
 * y = x s with s = sigmoid(x slope) and d(x slope)/dx = 3 slope - 2 GELU_B:
 * dy/dx = s + y (1 - s) (3 slope - 2 GELU_B).
 */
function gelu(writer: GraphWriter, trace: GeluTrace, dy: string): string {
  const tripled = writer.op("Mul", [trace.slope, writer.scalar(3)]);
  const steepness = writer.op("Sub", [tripled, writer.scalar(2 * GELU_B)]);
  const closed = writer.op("Sub", [writer.scalar(1), trace.gate]);
  const moved = writer.op("Mul", [writer.op("Mul", [trace.y, closed]), steepness]);
  return writer.op("Mul", [dy, writer.op("Add", [trace.gate, moved])]);
}

/** The MLP part by part; the gradients of its weights are summed within their products. */
function mlp(
  writer: GraphWriter,
  parts: readonly MlpTrace[],
  parameter: Parameters,
  dy: string,
  shape: GraphShape,
  keep: Keep,
): string {
  let [dIn, dOut]: (string | undefined)[] = [];
  const dx: string[] = [];
  for (const part of parts) {
    const own = rowsOf(writer, dy, part.rows, shape.batch * shape.context);
    dOut = writer.gemm(part.gelu.y, own, { transA: true, plus: dOut });
    const dActive = writer.gemm(own, parameter("mlpOut"), { transB: true });
    const dWide = gelu(writer, part.gelu, dActive);
    dIn = writer.gemm(part.x, dWide, { transA: true, plus: dIn });
    dx.push(writer.gemm(dWide, parameter("mlpIn"), { transB: true }));
  }
  keep("mlpOut", dOut!);
  keep("mlpIn", dIn!);
  return stackedRows(writer, dx);
}

function layer(
  writer: GraphWriter,
  trace: LayerTrace,
  parameter: Parameters,
  dy: string,
  shape: GraphShape,
  keep: Keep,
): string {
  const dNorm2 = mlp(writer, trace.mlp, parameter, dy, shape, keep);
  const through2 = norm(writer, trace.norm2, dNorm2, shape, (gain, bias) => {
    keep("gain2", gain);
    keep("bias2", bias);
  });
  const dMiddle = writer.op("Add", [dy, through2]);
  const dHeads = linear(writer, trace.attention.byToken, parameter("out"), dMiddle, (gradient) =>
    keep("out", gradient),
  );
  const dQkv = attention(writer, trace.attention, dHeads, shape);
  const dNorm1 = linear(writer, trace.norm1.y, parameter("qkv"), dQkv, (gradient) =>
    keep("qkv", gradient),
  );
  const through1 = norm(writer, trace.norm1, dNorm1, shape, (gain, bias) => {
    keep("gain1", gain);
    keep("bias1", bias);
  });
  return writer.op("Add", [dMiddle, through1]);
}

/** One vector of all parts, in their order. */
export function concatTree(writer: GraphWriter, parts: readonly string[]): string {
  let level = parts;
  while (level.length > 1) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += CONCAT_WIDTH) {
      const group = level.slice(at, at + CONCAT_WIDTH);
      next.push(group.length === 1 ? group[0]! : writer.op("Concat", group, { axis: 0 }));
    }
    level = next;
  }
  return level[0]!;
}

/** The embedding's gradient from the head, plus dy at the ids that were read. */
function withInput(
  writer: GraphWriter,
  fromHead: string,
  x: string,
  dy: string,
  shape: GraphShape,
): string {
  if (!usesOneHot(shape)) return addedAtIds(writer, fromHead, x, dy, shape);
  const fromInput = writer.gemm(oneHot(writer, x, shape), dy, { transA: true });
  return writer.op("Add", [fromHead, fromInput]);
}

/** The flat gradient [N] of the mean cross-entropy. */
export function backward(
  writer: GraphWriter,
  parameter: Parameters,
  x: string,
  trace: ForwardTrace & LossTrace,
  shape: GraphShape,
): string {
  const { batch, context, width } = shape;
  const gradients = new Map<string, string>();
  const perToken = 1 / (batch * context);

  // Softmax minus one-hot; the 1 / (B T) of the mean rides on the two products that follow.
  const dLogits = trace.dLogits();
  const fromHead = writer.gemm(dLogits, trace.finalNorm.y, { transA: true, alpha: perToken });
  const dFinal = writer.gemm(dLogits, parameter("embedding"), { alpha: perToken });
  let dy = norm(writer, trace.finalNorm, dFinal, shape, (gain, bias) => {
    gradients.set("finalGain", gain);
    gradients.set("finalBias", bias);
  });

  for (let index = shape.layers - 1; index >= 0; index -= 1) {
    const at = `layers.${index}.`;
    const own: Parameters = (name) => parameter(at + name);
    const keep: Keep = (name, gradient) => gradients.set(at + name, gradient);
    dy = layer(writer, trace.layers[index]!, own, dy, shape, keep);
  }

  gradients.set("embedding", withInput(writer, fromHead, x, dy, shape));
  const windows = writer.reshape(dy, [batch, context * width]);
  gradients.set("positions", columnSums(writer, windows, batch));

  const flat = layoutOf(shape).map(({ name, size }) => {
    const gradient = gradients.get(name);
    if (gradient === undefined) throw new Error(`Invariant broken: ${name} has no gradient`);
    return writer.reshape(gradient, [size]);
  });
  return concatTree(writer, flat);
}
