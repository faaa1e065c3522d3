/**
 * Muon on the matrices between embedding and head: the step is the momentum with all its singular
 * values brought near 1, so that no direction that a few tokens speak of is drowned by the ones
 * that all speak of. Everything else (embedding, positions, norms) stays with AdamW.
 *
 *     m = b m + g;  u = g + b m;  p = p (1 - lr wd) - lr 0.2 sqrt(max(rows, columns)) orth(u)
 *
 * Keller Jordan, "Muon: an optimizer for hidden layers" (2024): momentum, Newton-Schulz and its
 * coefficients; Liu et al., "Muon is scalable for LLM training" (arXiv 2502.16982): decay and the
 * factor 0.2 sqrt(max), with which rates tuned for AdamW serve for both. The momentum lies where
 * AdamW would keep its own, and v stays zero there, so that checkpoints look the same.
 */
import { WEIGHT_DECAY } from "./adamw.ts";
import { concatTree } from "./backward.ts";
import type { Executor, GraphSession } from "./executor.ts";
import { type LayoutEntry, layoutOf, type ModelConfig, parameterCount } from "./layout.ts";
import { type Graph, GraphWriter } from "./onnx.ts";
import type { Span, StepVectors } from "./optimiser.ts";

export const MUON_MOMENTUM = 0.95;
/** Root mean square of a step of rate 1: what AdamW's steps have on average. */
const STEP_RMS = 0.2;
/** Five steps bring singular values between 0.002 and 1 to between 0.68 and 1.14. */
const NEWTON_SCHULZ_STEPS = 5;
/** x (a + b x^2 + c x^4): steep at zero, near 1 from 0.7 on. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
/** Keeps a matrix of zeros from being divided by its norm. */
const NORM_MIN = 1e-7;

/** A step of Muon over one model's vectors. */
export interface Muon {
  /** What it leaves to AdamW, ascending. */
  readonly others: readonly Span[];
  /** Moves p and m of the matrices by the gradient in g, which is used up. */
  step(vectors: Omit<StepVectors, "v" | "step">, learningRate: number): Promise<void>;
  release(): Promise<void>;
}

/** Matrices within the layers: no row of theirs stands for one token or one place. */
const matricesOf = (config: ModelConfig): readonly LayoutEntry[] =>
  layoutOf(config).filter(({ name, shape }) => name.startsWith("layers.") && shape.length === 2);

/** Opens the graph of the model's matrices on the executor that trains it. */
export async function openMuon(executor: Executor, config: ModelConfig): Promise<Muon> {
  const matrices = matricesOf(config);
  const session = await executor.open(muonGraph(config));
  return {
    others: complement(matrices, parameterCount(config)),
    step: (vectors, learningRate) => step(session, matrices, vectors, learningRate),
    release: () => session.release(),
  };
}

async function step(
  session: GraphSession,
  matrices: readonly LayoutEntry[],
  { p, m, g }: Omit<StepVectors, "v" | "step">,
  learningRate: number,
): Promise<void> {
  for (const { offset, size } of matrices) {
    for (let i = offset; i < offset + size; i += 1) {
      const gradient = g[i]!;
      const momentum = Math.fround(MUON_MOMENTUM * m[i]! + gradient);
      m[i] = momentum;
      g[i] = gradient + MUON_MOMENTUM * momentum;
    }
  }
  const direction = (await session.run({ u: g })).direction!;
  const kept = 1 - learningRate * WEIGHT_DECAY;
  let at = 0;
  for (const { offset, size } of matrices) {
    for (let i = offset; i < offset + size; i += 1) {
      p[i] = p[i]! * kept - learningRate * direction[at]!;
      at += 1;
    }
  }
}

/** The spans of 0 to `count` between the entries, which are in ascending order. */
function complement(entries: readonly LayoutEntry[], count: number): readonly Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const { offset, size } of [...entries, { offset: count, size: 0 }]) {
    if (offset > from) spans.push({ from, to: offset });
    from = offset + size;
  }
  return spans;
}

/** Input u: float [N]; output: the directions of all matrices, one after the other. */
export function muonGraph(config: ModelConfig): Graph {
  const writer = new GraphWriter();
  const u = writer.input("u", "float32", [parameterCount(config)]);
  const matrices = matricesOf(config);
  const directions = matrices.map((entry) => {
    const { offset, size, shape } = entry;
    const flat = writer.op("Slice", [u, writer.shape([offset]), writer.shape([offset + size])]);
    const whole = writer.reshape(flat, shape);
    const parts = partsOf(writer, entry, whole);
    const [rows, columns] = [shape[0]!, shape[1]! / parts.length];
    const done = parts.map((part) => orthogonal(writer, part, rows, columns));
    const joined = done.length === 1 ? done[0]! : writer.op("Concat", done, { axis: 1 });
    return writer.reshape(joined, [size]);
  });
  writer.publish("direction", concatTree(writer, directions));
  const count = matrices.reduce((sum, { size }) => sum + size, 0);
  return writer.finish("muon", { direction: { type: "float32", dims: [count] } });
}

/** Queries, keys and values are three maps that lie side by side; the others are one each. */
const partsOf = (writer: GraphWriter, { name }: LayoutEntry, whole: string): readonly string[] =>
  name.endsWith(".qkv") ? writer.ops("Split", [whole], 3, { axis: 1 }) : [whole];

/** Newton-Schulz on the smaller of x x^T and x^T x, times 0.2 sqrt(max(rows, columns)). */
function orthogonal(writer: GraphWriter, u: string, rows: number, columns: number): string {
  const squares = writer.op("Mul", [u, u]);
  const sum = writer.op("ReduceSum", [squares, writer.shape([0, 1])], { keepdims: 1 });
  const norm = writer.op("Add", [writer.op("Sqrt", [sum]), writer.scalar(NORM_MIN)]);
  const tall = rows > columns;
  let x = writer.op("Div", [u, norm]);
  for (let i = 0; i < NEWTON_SCHULZ_STEPS; i += 1) {
    const gram = writer.gemm(x, x, tall ? { transA: true } : { transB: true });
    const linear = writer.op("Mul", [gram, writer.scalar(B)]);
    const inner = writer.gemm(gram, gram, { alpha: C, plus: linear });
    const straight = writer.op("Mul", [x, writer.scalar(A)]);
    x = tall
      ? writer.gemm(x, inner, { plus: straight })
      : writer.gemm(inner, x, { plus: straight });
  }
  const scale = STEP_RMS * Math.sqrt(Math.max(rows, columns));
  return writer.op("Mul", [x, writer.scalar(scale)]);
}
