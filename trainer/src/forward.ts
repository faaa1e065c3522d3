/**
 * The forward half of the model as ONNX nodes: embeddings, pre-norm layers of attention and MLP,
 * final norm, tied head, cross-entropy. It keeps what the backward half (backward.ts) needs.
 */
import { type LayoutEntry, layoutOf, type ModelConfig } from "./layout.ts";
import type { GraphWriter } from "./onnx.ts";

/** Added to the variance in every norm; PyTorch's default. */
const NORM_EPSILON = 1e-5;

/** Added to the scores of later positions; exp of it is 0 in float32. */
const MASKED = -1e9;

/**
 * tanh-GELU written with the logistic function, which saves two passes over the widest tensors:
 * (1 + tanh u) / 2 = sigmoid(2 u), with 2 u = x (GELU_A x^2 + GELU_B).
 */
export const GELU_B = 2 * 0.7978845608;
export const GELU_A = GELU_B * 0.044715;

/**
 * Up to here token ids become rows of zeros and one 1, and picking is a product: the fastest way on
 * every executor for text as bytes. Their cost grows with the vocabulary; above, ids are looked up
 * (GatherElements, ScatterElements), which costs as much whatever the vocabulary.
 */
const ONE_HOT_VOCAB_MAX = 512;

/** The MLP is this many times as wide as the model. */
const MLP_FACTOR = 4;
const FLOAT_BYTES = 4;

/**
 * GELU and its gradient pass over the widest tensors 13 times. In parts of this size they stay in a
 * core's own cache (2 MB) between the passes instead of going to memory each time.
 */
const MLP_PART_BYTES = 2 ** 20;

/** More parts than WebGPU joins in one Concat are not made, and small products are slower. */
const MLP_PARTS_MAX = 8;

/** Names of the parameters inside one graph. */
export type Parameters = (name: string) => string;

export interface NormTrace {
  readonly x: string;
  readonly y: string;
  readonly mean: string;
  /** 1 / standard deviation of each row. */
  readonly inverse: string;
  readonly gain: string;
}

export interface AttentionTrace {
  /** Queries already divided by the square root of the head's width. */
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly weights: string;
  /** Result by head, [B heads, T, width / heads]. */
  readonly byHead: string;
  /** Result by token, [B T, width]. */
  readonly byToken: string;
}

export interface GeluTrace {
  /** GELU_A x^2 + GELU_B. */
  readonly slope: string;
  readonly gate: string;
  readonly y: string;
}

/** Some rows on their way through the MLP. */
export interface MlpTrace {
  readonly rows: Rows;
  /** The normed rows, [rows, width]. */
  readonly x: string;
  readonly gelu: GeluTrace;
}

/** Rows `from` to `to`, not included, of the tokens of a batch. */
export interface Rows {
  readonly from: number;
  readonly to: number;
}

export interface LayerTrace {
  readonly norm1: NormTrace;
  readonly attention: AttentionTrace;
  readonly norm2: NormTrace;
  /** In the order of the rows. */
  readonly mlp: readonly MlpTrace[];
}

export interface ForwardTrace {
  readonly layers: readonly LayerTrace[];
  readonly finalNorm: NormTrace;
  /** [B T, vocab]. */
  readonly logits: string;
}

export interface LossTrace {
  readonly loss: string;
  /** Softmax minus one-hot targets, [B T, vocab]: the gradient of the logits, but for the mean. */
  readonly dLogits: () => string;
}

/** The shape of one graph: the model and how many windows it takes at once. */
export interface GraphShape extends ModelConfig {
  readonly batch: number;
}

/** Cuts the flat vector into the parameters: one Slice and one Reshape for each. */
export function sliceParameters(writer: GraphWriter, flat: string, shape: GraphShape): Parameters {
  const slice = ({ offset, size, shape: dims }: LayoutEntry): string => {
    const bounds = [writer.shape([offset]), writer.shape([offset + size])];
    return writer.reshape(writer.op("Slice", [flat, ...bounds]), dims);
  };
  const names = new Map(layoutOf(shape).map((entry) => [entry.name, slice(entry)]));
  return (name) => {
    const found = names.get(name);
    if (found === undefined) throw new Error(`Invariant broken: no parameter is called ${name}`);
    return found;
  };
}

function norm(writer: GraphWriter, x: string, gain: string, bias: string): NormTrace {
  const attributes = { axis: -1, epsilon: { float: NORM_EPSILON } };
  const outputs = writer.ops("LayerNormalization", [x, gain, bias], 3, attributes);
  return { x, y: outputs[0]!, mean: outputs[1]!, inverse: outputs[2]!, gain };
}

function attention(writer: GraphWriter, qkv: string, shape: GraphShape): AttentionTrace {
  const { batch, context, width, heads } = shape;
  const headWidth = width / heads;
  const apart = writer.reshape(qkv, [batch, context, 3, heads, headWidth]);
  const byKind = writer.transpose(apart, [2, 0, 3, 1, 4]);
  const stacked = writer.reshape(byKind, [3 * batch * heads, context, headWidth]);
  const [plainQ, k, v] = writer.ops("Split", [stacked], 3, { axis: 0 }) as [string, string, string];
  const q = writer.op("Mul", [plainQ, writer.scalar(1 / Math.sqrt(headWidth))]);

  const scores = writer.op("MatMul", [q, writer.transpose(k, [0, 2, 1])]);
  const mask = Float32Array.from({ length: context * context }, (_, index) =>
    index % context > Math.floor(index / context) ? MASKED : 0,
  );
  const causal = writer.op("Add", [scores, writer.floats(mask, [context, context])]);
  const weights = writer.op("Softmax", [causal], { axis: -1 });

  const byHead = writer.op("MatMul", [weights, v]);
  const split = writer.reshape(byHead, [batch, heads, context, headWidth]);
  const together = writer.transpose(split, [0, 2, 1, 3]);
  const byToken = writer.reshape(together, [batch * context, width]);
  return { q, k, v, weights, byHead, byToken };
}

function gelu(writer: GraphWriter, x: string): GeluTrace {
  const curved = writer.op("Mul", [writer.op("Mul", [x, x]), writer.scalar(GELU_A)]);
  const slope = writer.op("Add", [curved, writer.scalar(GELU_B)]);
  const gate = writer.op("Sigmoid", [writer.op("Mul", [x, slope])]);
  return { slope, gate, y: writer.op("Mul", [x, gate]) };
}

/** The parts of a batch's rows that the MLP takes one after another; equal but for the last. */
function mlpParts({ batch, context, width }: GraphShape): readonly Rows[] {
  const all = batch * context;
  const fitting = Math.floor(MLP_PART_BYTES / (FLOAT_BYTES * MLP_FACTOR * width));
  const parts = Math.min(MLP_PARTS_MAX, Math.ceil(all / Math.max(1, fitting)));
  const each = Math.ceil(all / parts);
  return Array.from({ length: Math.ceil(all / each) }, (_, index) => ({
    from: index * each,
    to: Math.min(all, (index + 1) * each),
  }));
}

/** These rows of a matrix, or the matrix itself where they are all of it. */
export function rowsOf(writer: GraphWriter, x: string, { from, to }: Rows, all: number): string {
  if (from === 0 && to === all) return x;
  return writer.op("Slice", [x, writer.shape([from]), writer.shape([to]), writer.shape([0])]);
}

/** Parts of rows as one matrix again. */
export const stackedRows = (writer: GraphWriter, parts: readonly string[]): string =>
  parts.length === 1 ? parts[0]! : writer.op("Concat", parts, { axis: 0 });

function mlp(
  writer: GraphWriter,
  x: string,
  parameter: Parameters,
  shape: GraphShape,
): { readonly parts: readonly MlpTrace[]; readonly y: string } {
  const all = shape.batch * shape.context;
  const parts = mlpParts(shape).map((rows): MlpTrace => {
    const own = rowsOf(writer, x, rows, all);
    return { rows, x: own, gelu: gelu(writer, writer.gemm(own, parameter("mlpIn"))) };
  });
  const narrow = parts.map((part) => writer.gemm(part.gelu.y, parameter("mlpOut")));
  return { parts, y: stackedRows(writer, narrow) };
}

function layer(
  writer: GraphWriter,
  x: string,
  parameter: Parameters,
  shape: GraphShape,
): { readonly trace: LayerTrace; readonly y: string } {
  const norm1 = norm(writer, x, parameter("gain1"), parameter("bias1"));
  const heads = attention(writer, writer.gemm(norm1.y, parameter("qkv")), shape);
  const middle = writer.op("Add", [x, writer.gemm(heads.byToken, parameter("out"))]);
  const norm2 = norm(writer, middle, parameter("gain2"), parameter("bias2"));
  const through = mlp(writer, norm2.y, parameter, shape);
  const y = writer.op("Add", [middle, through.y]);
  return { trace: { norm1, attention: heads, norm2, mlp: through.parts }, y };
}

/** Logits of every position for the token ids `x`, int32 [B T]. */
export function forward(
  writer: GraphWriter,
  parameter: Parameters,
  x: string,
  shape: GraphShape,
): ForwardTrace {
  const { batch, context, width } = shape;
  const tokens = writer.op("Gather", [parameter("embedding"), x], { axis: 0 });
  const rows = writer.reshape(tokens, [batch, context, width]);
  const placed = writer.op("Add", [rows, parameter("positions")]);
  let stream = writer.reshape(placed, [batch * context, width]);
  const layers: LayerTrace[] = [];
  for (let index = 0; index < shape.layers; index += 1) {
    const own: Parameters = (name) => parameter(`layers.${index}.${name}`);
    const { trace, y } = layer(writer, stream, own, shape);
    layers.push(trace);
    stream = y;
  }
  const finalNorm = norm(writer, stream, parameter("finalGain"), parameter("finalBias"));
  const logits = writer.gemm(finalNorm.y, parameter("embedding"), { transB: true });
  return { layers, finalNorm, logits };
}

/** Whether token ids become rows of the whole vocabulary in this model's graphs. */
export const usesOneHot = ({ vocab }: GraphShape): boolean => vocab <= ONE_HOT_VOCAB_MAX;

const asColumn = (writer: GraphWriter, ids: string, shape: GraphShape): string =>
  writer.reshape(ids, [shape.batch * shape.context, 1]);

/** One row for each token id, 1 at the id and 0 elsewhere: [B T, vocab]. */
export function oneHot(writer: GraphWriter, ids: string, shape: GraphShape): string {
  const vocabulary = Int32Array.from({ length: shape.vocab }, (_, id) => id);
  const row = writer.int32s(vocabulary, [1, shape.vocab]);
  const equal = writer.op("Equal", [asColumn(writer, ids, shape), row]);
  return writer.op("Cast", [equal], { to: 1 });
}

/** `rows` with `added`, [B T, width], summed into the rows that the ids name. */
export function addedAtIds(
  writer: GraphWriter,
  rows: string,
  ids: string,
  added: string,
  shape: GraphShape,
): string {
  const { batch, context, width } = shape;
  const every = writer.shape([batch * context, width]);
  const places = writer.op("Expand", [asColumn(writer, ids, shape), every]);
  const sum = { axis: 0, reduction: { text: "add" } };
  return writer.op("ScatterElements", [rows, places, added], sum);
}

/** Mean cross-entropy in nats per token, as a tensor of one number. */
export function crossEntropy(
  writer: GraphWriter,
  logits: string,
  targets: string,
  shape: GraphShape,
): LossTrace {
  const logProbabilities = writer.op("LogSoftmax", [logits], { axis: -1 });
  const probabilities = (): string => writer.op("Exp", [logProbabilities]);
  const mean = (picked: string): string => {
    const sum = writer.op("ReduceSum", [picked, writer.shape([0, 1])], { keepdims: 0 });
    const scale = writer.scalar(-1 / (shape.batch * shape.context));
    return writer.reshape(writer.op("Mul", [sum, scale]), [1]);
  };
  if (usesOneHot(shape)) {
    const wanted = oneHot(writer, targets, shape);
    const loss = mean(writer.op("Mul", [logProbabilities, wanted]));
    return { loss, dLogits: () => writer.op("Sub", [probabilities(), wanted]) };
  }
  const places = asColumn(writer, targets, shape);
  const picked = writer.op("GatherElements", [logProbabilities, places], { axis: 1 });
  const dLogits = (): string => {
    const less = writer.op("Sub", [writer.op("Exp", [picked]), writer.scalar(1)]);
    return writer.op("ScatterElements", [probabilities(), places, less], { axis: 1 });
  };
  return { loss: mean(picked), dLogits };
}
