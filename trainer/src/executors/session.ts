/**
 * What both ONNX Runtime executors share: turning typed arrays into tensors and back, with the
 * lengths checked. The two packages have the same interface and differ in the options.
 */
import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { Feeds, Floats, GraphSession } from "../executor.ts";
import type { Graph, TensorSpec } from "../onnx.ts";
import { assert } from "../outcome.ts";

/** The tensor constructor of either package. */
export interface TensorMaker {
  new (type: "float32", data: Float32Array, dims: readonly number[]): Tensor;
  new (type: "int32", data: Int32Array, dims: readonly number[]): Tensor;
}

const lengthOf = (spec: TensorSpec): number => spec.dims.reduce((a, b) => a * b, 1);

function toTensor(
  Maker: TensorMaker,
  name: string,
  spec: TensorSpec,
  data: Float32Array | Int32Array | undefined,
): Tensor {
  assert(data !== undefined, `the graph is given its tensor ${name}`);
  assert(data.length === lengthOf(spec), `tensor ${name} has the length that its graph declares`);
  if (data instanceof Float32Array) {
    assert(spec.type === "float32", `tensor ${name} is ${spec.type}`);
    return new Maker("float32", data, spec.dims);
  }
  assert(spec.type === "int32", `tensor ${name} is ${spec.type}`);
  return new Maker("int32", data, spec.dims);
}

/**
 * Wraps an opened session.
 * @param fillsSpare whether the engine writes into arrays handed in (native does; web silently
 *   leaves them untouched, so there they are not handed in at all)
 */
export function wrapSession(
  session: InferenceSession,
  graph: Graph,
  Maker: TensorMaker,
  fillsSpare: boolean,
): GraphSession {
  const outputs = Object.entries(graph.outputs);
  return {
    async run(feeds: Feeds, spare: Floats = {}): Promise<Floats> {
      const tensors: Record<string, Tensor> = {};
      for (const [name, spec] of Object.entries(graph.inputs)) {
        tensors[name] = toTensor(Maker, name, spec, feeds[name]);
      }
      const fetches: Record<string, Tensor | null> = {};
      for (const [name, spec] of outputs) {
        const offered = fillsSpare ? spare[name] : undefined;
        fetches[name] = offered === undefined ? null : toTensor(Maker, name, spec, offered);
      }
      const results = await session.run(tensors, fetches);
      const floats: Record<string, Float32Array> = {};
      for (const [name] of outputs) {
        const data = results[name]?.data;
        assert(data instanceof Float32Array, `output ${name} is float32`);
        floats[name] = data;
      }
      return floats;
    },
    release: () => session.release(),
  };
}
