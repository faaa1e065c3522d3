/**
 * The four graphs of a model as ONNX bytes: training step, gradient, loss and logits. Batch and
 * context are constants of a graph, so another batch is another graph. Opset 17, standard
 * operators only: the same bytes run natively, in WASM and on WebGPU. Who runs them is
 * executor.ts.
 */
import { adamw } from "./adamw.ts";
import { backward } from "./backward.ts";
import {
  crossEntropy,
  type ForwardTrace,
  forward,
  type GraphShape,
  type LossTrace,
  type Parameters,
  sliceParameters,
} from "./forward.ts";
import { checkConfig, parameterCount } from "./layout.ts";
import { type Graph, GraphWriter, type TensorSpec } from "./onnx.ts";
import { assert } from "./outcome.ts";

export type { GraphShape } from "./forward.ts";

const ONE: TensorSpec = { type: "float32", dims: [1] };

interface Started {
  readonly writer: GraphWriter;
  readonly p: string;
  readonly x: string;
  readonly parameter: Parameters;
  readonly flat: TensorSpec;
}

function start(shape: GraphShape): Started {
  const { batch, cores: _, ...config } = shape;
  assert(Number.isSafeInteger(batch) && batch >= 1, "a batch holds at least one window");
  const checked = checkConfig(config);
  assert(checked.ok, "a graph is built only for a model that checkConfig accepts");
  const writer = new GraphWriter();
  const flat: TensorSpec = { type: "float32", dims: [parameterCount(shape)] };
  const p = writer.input("p", "float32", flat.dims);
  const x = writer.input("x", "int32", [batch * shape.context]);
  return { writer, p, x, parameter: sliceParameters(writer, p, shape), flat };
}

function withLoss({ writer, parameter, x }: Started, shape: GraphShape): ForwardTrace & LossTrace {
  const y = writer.input("y", "int32", [shape.batch * shape.context]);
  const trace = forward(writer, parameter, x, shape);
  const loss = crossEntropy(writer, trace.logits, y, shape);
  writer.publish("loss", loss.loss);
  return { ...trace, ...loss };
}

/**
 * One whole training step, for executors that keep the vectors on a device of their own; on a CPU
 * the gradient graph and optimiser.ts are faster. Inputs p, m, v: float [N]; x, y: int32 [B T];
 * sc: float [3] (see `stepScalars`). Outputs loss [1] (before the step) and p2, m2, v2 [N].
 */
export function trainingGraph(model: GraphShape): Graph {
  const { cores: _, ...shape } = model;
  const started = start(shape);
  const { writer, p, x, parameter, flat } = started;
  const m = writer.input("m", "float32", flat.dims);
  const v = writer.input("v", "float32", flat.dims);
  const scalars = writer.input("sc", "float32", [3]);
  const trace = withLoss(started, shape);
  const gradient = backward(writer, parameter, x, trace, shape);
  const next = adamw(writer, { p, m, v, gradient, scalars });
  for (const [name, value] of Object.entries(next)) writer.publish(name, value);
  return writer.finish("step", { loss: ONE, p2: flat, m2: flat, v2: flat });
}

/** Inputs p, x, y; outputs loss [1] and the flat gradient g [N]. */
export function gradientGraph(shape: GraphShape): Graph {
  const started = start(shape);
  const trace = withLoss(started, shape);
  const { writer, parameter, x } = started;
  writer.publish("g", backward(writer, parameter, x, trace, shape));
  return writer.finish("gradient", { loss: ONE, g: started.flat });
}

/** Forward only. Inputs p, x, y; output loss [1]. */
export function lossGraph(shape: GraphShape): Graph {
  const started = start(shape);
  withLoss(started, shape);
  return started.writer.finish("loss", { loss: ONE });
}

/** Forward only. Inputs p, x; output logits [B T, vocab]. */
export function logitsGraph(shape: GraphShape): Graph {
  const { writer, parameter, x } = start(shape);
  writer.publish("logits", forward(writer, parameter, x, shape).logits);
  const dims = [shape.batch * shape.context, shape.vocab];
  return writer.finish("logits", { logits: { type: "float32", dims } });
}
