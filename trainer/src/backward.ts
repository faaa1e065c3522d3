/**
 * The backward half of the model, derived by hand from forward.ts and written as ONNX nodes; the
 * result is the gradient of the loss in the order of the flat vector. Throughout, `dy` is the
 * gradient of a node's output and the functions answer the gradient of its input.
 */
import {
  type AttentionTrace,
  addedAtIds,
  affine,
  byHeads,
  byTokens,
  cut,
  type ForwardTrace,
  GELU_B,
  type GeluTrace,
  type GraphShape,
  joined,
  type LossTrace,
  MLP_FACTOR,
  type NormTrace,
  oneHot,
  type Parameters,
  type PartTrace,
  partShapes,
  usesOneHot,
} from "./forward.ts";
import { layoutOf } from "./layout.ts";
import type { GraphWriter } from "./onnx.ts";

/** WebGPU allows about 12 tensors in one Concat; a tree of sixes stays well below. */
const CONCAT_WIDTH = 6;

/** The gradients so far, by the parameter's name: each part adds its own to those before it. */
type Gradients = Map<string, string>;

const column = (writer: GraphWriter, length: number, value: number): string =>
  writer.floats(new Float32Array(length).fill(value), [length, 1]);

/** Adds x^T dy to a gradient, within the product. */
function add(
  writer: GraphWriter,
  gradients: Gradients,
  name: string,
  flippedX: string,
  dy: string,
): void {
  gradients.set(name, writer.gemm(flippedX, dy, { plus: gradients.get(name) }));
}

/** Adds the sum over the rows, as a product with a row of ones: faster than ReduceSum. */
function addRows(
  writer: GraphWriter,
  gradients: Gradients,
  name: string,
  x: string,
  rows: number,
): void {
  const ones = writer.floats(new Float32Array(rows).fill(1), [1, rows]);
  add(writer, gradients, name, ones, x);
}

/**
 * A matrix turned over in memory, by way of three axes: the engine would take two for a wish to
 * multiply by the transposed matrix, which is slower than turning it over once.
 */
function turned(writer: GraphWriter, x: string, rows: number, columns: number): string {
  const flat = writer.reshape(x, [1, rows, columns]);
  return writer.reshape(writer.transpose(flat, [0, 2, 1]), [columns, rows]);
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
  gradients: Gradients,
  [gain, bias]: readonly [string, string],
): string {
  const rows = shape.batch * shape.context;
  const centred = writer.op("Sub", [trace.x, trace.mean]);
  const xh = writer.op("Mul", [centred, trace.inverse]);
  const dyXh = writer.op("Mul", [dy, xh]);
  addRows(writer, gradients, gain, dyXh, rows);
  addRows(writer, gradients, bias, dy, rows);
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

/**
 * With P the softmax: dS = P (dP - rowsum(dP P)), and rowsum(dP P) = rowsum(da a). Answers the
 * gradients of queries, keys and values, each [B T, width].
 */
function attention(
  writer: GraphWriter,
  trace: AttentionTrace,
  dy: string,
  shape: GraphShape,
): readonly string[] {
  const headWidth = shape.width / shape.heads;
  const flipped = (x: string): string => writer.transpose(x, [0, 1, 3, 2]);
  const da = byHeads(writer, dy, shape);
  const dv = writer.op("MatMul", [flipped(trace.weights), da]);
  const dWeights = writer.op("MatMul", [da, flipped(trace.v)]);
  const product = writer.op("Mul", [da, trace.byHead]);
  const rowSums = writer.op("MatMul", [product, column(writer, headWidth, 1)]);
  const dScores = writer.op("Mul", [trace.weights, writer.op("Sub", [dWeights, rowSums])]);
  const scaledDq = writer.op("MatMul", [dScores, trace.k]);
  const dq = writer.op("Mul", [scaledDq, writer.scalar(1 / Math.sqrt(headWidth))]);
  const dk = writer.op("MatMul", [flipped(dScores), trace.q]);
  return [dq, dk, dv].map((x) => byTokens(writer, x, shape));
}

/**
 * y = x s with s = sigmoid(x slope) and d(x slope)/dx = 3 slope - 2 GELU_B:
 * dy/dx = s + y (1 - s) (3 slope - 2 GELU_B).
 */
function gelu(writer: GraphWriter, trace: GeluTrace, dy: string, shape: GraphShape): string {
  const steepness = affine(writer, trace.slope, [3, -2 * GELU_B], shape);
  const closed = writer.op("Sub", [writer.scalar(1), trace.gate]);
  const moved = writer.op("Mul", [writer.op("Mul", [trace.y, closed]), steepness]);
  return writer.op("Mul", [dy, writer.op("Add", [trace.gate, moved])]);
}

/** One part through one layer; `at` begins the names of the layer's parameters. */
function layer(
  writer: GraphWriter,
  trace: PartTrace,
  qkv: readonly string[],
  parameter: Parameters,
  dy: string,
  shape: GraphShape,
  gradients: Gradients,
  at: string,
): string {
  const rows = shape.batch * shape.context;
  const { width } = shape;
  const gemm = (x: string, weights: string): string =>
    writer.gemm(x, parameter(at + weights), { transB: true });
  const flipped = (x: string): string => turned(writer, x, rows, width);
  // dy is a quarter as wide as the other factor: that one's gradient is summed turned over.
  const dWide = gelu(writer, trace.gelu, gemm(dy, "mlpOut"), shape);
  add(writer, gradients, `${at}mlpOut`, flipped(dy), trace.gelu.y);
  add(writer, gradients, `${at}mlpIn`, flipped(trace.norm2.y), dWide);
  const through2 = norm(writer, trace.norm2, gemm(dWide, "mlpIn"), shape, gradients, [
    `${at}gain2`,
    `${at}bias2`,
  ]);
  const dMiddle = writer.op("Add", [dy, through2]);
  add(writer, gradients, `${at}out`, flipped(trace.attention.byToken), dMiddle);
  const three = attention(writer, trace.attention, gemm(dMiddle, "out"), shape);
  const flippedX = flipped(trace.norm1.y);
  let dNorm1: string | undefined;
  for (const [kind, d] of three.entries()) {
    add(writer, gradients, `${at}qkv.${kind}`, flippedX, d);
    dNorm1 = writer.gemm(d, qkv[kind]!, { transB: true, plus: dNorm1 });
  }
  const through1 = norm(writer, trace.norm1, dNorm1!, shape, gradients, [
    `${at}gain1`,
    `${at}bias1`,
  ]);
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
  const gradients: Gradients = new Map();
  const perToken = 1 / (batch * context);

  // Softmax minus one-hot; the 1 / (B T) of the mean rides on the two products that follow.
  const dLogits = trace.dLogits();
  const fromHead = writer.gemm(dLogits, trace.finalNorm.y, { transA: true, alpha: perToken });
  const dFinal = writer.gemm(dLogits, parameter("embedding"), { alpha: perToken });
  const dStream = norm(writer, trace.finalNorm, dFinal, shape, gradients, [
    "finalGain",
    "finalBias",
  ]);

  const parts = partShapes(shape);
  let through = cut(writer, dStream, shape);
  for (let index = shape.layers - 1; index >= 0; index -= 1) {
    const at = `layers.${index}.`;
    const { qkv, parts: traces } = trace.layers[index]!;
    through = through.map((dy, part) =>
      layer(writer, traces[part]!, qkv, parameter, dy, parts[part]!, gradients, at),
    );
    const three = [0, 1, 2].map((kind) => gradients.get(`${at}qkv.${kind}`)!);
    gradients.set(`${at}qkv`, writer.op("Concat", three, { axis: 1 }));
    const mlpOut = gradients.get(`${at}mlpOut`)!;
    gradients.set(`${at}mlpOut`, turned(writer, mlpOut, width, MLP_FACTOR * width));
  }
  const dy = joined(writer, through);

  gradients.set("embedding", withInput(writer, fromHead, x, dy, shape));
  const windows = writer.reshape(dy, [batch, context * width]);
  addRows(writer, gradients, "positions", windows, batch);

  const flat = layoutOf(shape).map(({ name, size }) => {
    const gradient = gradients.get(name);
    if (gradient === undefined) throw new Error(`Invariant broken: ${name} has no gradient`);
    return writer.reshape(gradient, [size]);
  });
  return concatTree(writer, flat);
}
