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
export const MLP_FACTOR = 4;
const FLOAT_BYTES = 4;

/**
 * A layer takes a batch in parts of whole windows whose widest tensor is up to this long, for each
 * core: most passes over a part then meet caches, which is 3 % of a step. Parts of a quarter are no
 * faster, as each costs products of fewer rows, and open three times as slowly.
 */
const PART_BYTES = 2 ** 22;

/** More parts than WebGPU joins in one Concat are not made. */
const PARTS_MAX = 8;

/**
 * Opening a graph takes ONNX Runtime time by the square of its nodes: 1.5 s for 64 parts of layers,
 * which is one of their training steps; this many may cost two or three.
 */
const LAYER_PARTS_MAX = 128;

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
  /** Result by head, [B, heads, T, width / heads]. */
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

/** A layer that a batch went through. */
export interface LayerTrace {
  /** The columns of the weights for queries, keys and values. */
  readonly qkv: readonly string[];
  readonly parts: readonly PartTrace[];
}

/** Some windows on their way through a layer. */
export interface PartTrace {
  readonly norm1: NormTrace;
  readonly attention: AttentionTrace;
  readonly norm2: NormTrace;
  readonly gelu: GeluTrace;
}

/** Windows `from` to `to`, not included, of a batch. */
interface Windows {
  readonly from: number;
  readonly to: number;
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
  /**
   * Cores that share the work. Without it the graph is for a device that is not cut into cores: it
   * has no parts.
   */
  readonly cores?: number;
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

/** Rows of tokens [B T, width] as [B, heads, T, width / heads]. */
export function byHeads(writer: GraphWriter, x: string, shape: GraphShape): string {
  const { batch, context, width, heads } = shape;
  const apart = writer.reshape(x, [batch, context, heads, width / heads]);
  return writer.transpose(apart, [0, 2, 1, 3]);
}

/** The inverse of `byHeads`. */
export function byTokens(writer: GraphWriter, x: string, shape: GraphShape): string {
  const { batch, context, width } = shape;
  return writer.reshape(writer.transpose(x, [0, 2, 1, 3]), [batch * context, width]);
}

function attention(
  writer: GraphWriter,
  x: string,
  weights: readonly string[],
  shape: GraphShape,
): AttentionTrace {
  const { context, width, heads } = shape;
  // Three products and no Split: narrow ones are the faster ones.
  const [plainQ, k, v] = weights.map((own) => byHeads(writer, writer.gemm(x, own), shape)) as [
    string,
    string,
    string,
  ];
  const q = writer.op("Mul", [plainQ, writer.scalar(1 / Math.sqrt(width / heads))]);

  const scores = writer.op("MatMul", [q, writer.transpose(k, [0, 1, 3, 2])]);
  const mask = Float32Array.from({ length: context * context }, (_, index) =>
    index % context > Math.floor(index / context) ? MASKED : 0,
  );
  const causal = writer.op("Add", [scores, writer.floats(mask, [context, context])]);
  const probabilities = writer.op("Softmax", [causal], { axis: -1 });

  const byHead = writer.op("MatMul", [probabilities, v]);
  return { q, k, v, weights: probabilities, byHead, byToken: byTokens(writer, byHead, shape) };
}

/**
 * a x + b for rows as wide as the MLP. On a CPU in one pass over them, which Mul and Add would not
 * be; devices want the tensors of a BatchNormalization in an order of their own.
 */
export function affine(
  writer: GraphWriter,
  x: string,
  [a, b]: readonly [number, number],
  { width, cores }: GraphShape,
): string {
  if (cores === undefined) {
    return writer.op("Add", [writer.op("Mul", [x, writer.scalar(a)]), writer.scalar(b)]);
  }
  const one = (value: number): string => writer.floats([value], [1]);
  const flat = writer.reshape(x, [1, 1, -1]);
  const inputs = [flat, one(a), one(b), one(0), one(1)];
  const y = writer.op("BatchNormalization", inputs, { epsilon: { float: 0 } });
  return writer.reshape(y, [-1, MLP_FACTOR * width]);
}

function gelu(writer: GraphWriter, x: string, shape: GraphShape): GeluTrace {
  const slope = affine(writer, writer.op("Mul", [x, x]), [GELU_A, GELU_B], shape);
  const gate = writer.op("Sigmoid", [writer.op("Mul", [x, slope])]);
  return { slope, gate, y: writer.op("Mul", [x, gate]) };
}

/** The columns of queries, keys and values of a layer's weights. */
const threeOf = (writer: GraphWriter, qkv: string, width: number): readonly string[] =>
  [0, 1, 2].map((kind) => {
    const bounds = [kind, kind + 1].map((at) => writer.shape([at * width]));
    return writer.op("Slice", [qkv, ...bounds, writer.shape([1])]);
  });

/** The parts of a batch that a layer takes one after another; equal but for the last. */
function partsOf({
  batch,
  context,
  width,
  layers,
  cores = Number.POSITIVE_INFINITY,
}: GraphShape): readonly Windows[] {
  // Each core takes its share of a part's rows, so it is the share that has to fit.
  const window = FLOAT_BYTES * MLP_FACTOR * width * context;
  const fitting = Math.max(1, Math.floor((cores * PART_BYTES) / window));
  const most = Math.max(1, Math.min(PARTS_MAX, Math.floor(LAYER_PARTS_MAX / layers)));
  const parts = Math.max(1, Math.min(most, Math.ceil(batch / fitting)));
  const each = Math.ceil(batch / parts);
  return Array.from({ length: Math.ceil(batch / each) }, (_, index) => ({
    from: index * each,
    to: Math.min(batch, (index + 1) * each),
  }));
}

/** The shape of each part. */
export const partShapes = (shape: GraphShape): readonly GraphShape[] =>
  partsOf(shape).map(({ from, to }) => ({ ...shape, batch: to - from }));

/** The rows of each part of a matrix [B T, width], or the matrix itself where that is all. */
export function cut(writer: GraphWriter, x: string, shape: GraphShape): readonly string[] {
  const parts = partsOf(shape);
  if (parts.length === 1) return [x];
  return parts.map(({ from, to }) => {
    const bounds = [from, to].map((window) => writer.shape([window * shape.context]));
    return writer.op("Slice", [x, ...bounds, writer.shape([0])]);
  });
}

/** Parts of rows as one matrix again. */
export const joined = (writer: GraphWriter, parts: readonly string[]): string =>
  parts.length === 1 ? parts[0]! : writer.op("Concat", parts, { axis: 0 });

function layer(
  writer: GraphWriter,
  x: string,
  parameter: Parameters,
  qkv: readonly string[],
  shape: GraphShape,
): { readonly trace: PartTrace; readonly y: string } {
  const norm1 = norm(writer, x, parameter("gain1"), parameter("bias1"));
  const heads = attention(writer, norm1.y, qkv, shape);
  const middle = writer.gemm(heads.byToken, parameter("out"), { plus: x });
  const norm2 = norm(writer, middle, parameter("gain2"), parameter("bias2"));
  const active = gelu(writer, writer.gemm(norm2.y, parameter("mlpIn")), shape);
  const y = writer.gemm(active.y, parameter("mlpOut"), { plus: middle });
  return { trace: { norm1, attention: heads, norm2, gelu: active }, y };
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
  const parts = partShapes(shape);
  const layers: LayerTrace[] = [];
  for (let index = 0; index < shape.layers; index += 1) {
    const own: Parameters = (name) => parameter(`layers.${index}.${name}`);
    const qkv = threeOf(writer, own("qkv"), width);
    const through = cut(writer, stream, shape).map((x, part) =>
      layer(writer, x, own, qkv, parts[part]!),
    );
    layers.push({ qkv, parts: through.map(({ trace }) => trace) });
    stream = joined(
      writer,
      through.map(({ y }) => y),
    );
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
