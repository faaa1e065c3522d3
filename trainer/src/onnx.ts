/**
 * Writes ONNX models (protobuf) without a library: varints, byte fields, nested messages and the
 * public field numbers of onnx.proto. It knows nothing of any model; `GraphWriter` collects the
 * nodes that the graph files ask for.
 */
import type { LayoutEntry } from "./layout.ts";
import { assert } from "./outcome.ts";

/** Operator set 17 is the first with LayerNormalization; IR 8 belongs to it. */
const OPSET = 17;
const IR_VERSION = 8;

/** TensorProto.DataType. */
const TYPE_CODE = { float32: 1, int32: 6, int64: 7 } as const;

/** Wire types of protobuf. */
const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;

/** AttributeProto.AttributeType. */
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_STRING = 3;
const ATTRIBUTE_INTS = 7;

type Chunk = Uint8Array;

/** A tensor at the border of a graph. */
export interface TensorSpec {
  readonly type: "float32" | "int32";
  readonly dims: readonly number[];
}

/** A finished graph: the bytes of the ONNX file and what goes in and out. */
export interface Graph {
  readonly bytes: Uint8Array;
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  readonly outputs: Readonly<Record<string, TensorSpec>>;
}

/** Attribute values: a list is INTS; a number is INT unless wrapped as `{ float }`. */
export type Attributes = Readonly<
  Record<
    string,
    number | readonly number[] | { readonly float: number } | { readonly text: string }
  >
>;

/** Bytes of a file, or a place in the model's vector whose bytes stand there. */
export type FilePiece = Uint8Array | { readonly offset: number; readonly size: number };

/** A parameter that lies within the file. */
interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly size: number;
}

const FLOAT_BYTES = 4;

function joined(chunks: readonly Chunk[]): Uint8Array {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function varint(value: number | bigint): Chunk {
  // Negative numbers are written as 64-bit two's complement, as protobuf's int64 wants.
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

const tag = (field: number, wire: number): Chunk => varint((field << 3) | wire);
const whole = (field: number, value: number): Chunk => joined([tag(field, VARINT), varint(value)]);
const raw = (field: number, bytes: Uint8Array): Chunk =>
  joined([tag(field, BYTES), varint(bytes.length), bytes]);
const text = (field: number, value: string): Chunk => raw(field, new TextEncoder().encode(value));
const message = (field: number, chunks: readonly Chunk[]): Chunk => raw(field, joined(chunks));

function single(field: number, value: number): Chunk {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return joined([tag(field, FIXED32), bytes]);
}

function attribute(name: string, value: Attributes[string]): Chunk {
  const chunks = [text(1, name)];
  if (typeof value === "number") {
    chunks.push(whole(3, value), whole(20, ATTRIBUTE_INT));
  } else if ("float" in value) {
    chunks.push(single(2, value.float), whole(20, ATTRIBUTE_FLOAT));
  } else if ("text" in value) {
    chunks.push(text(4, value.text), whole(20, ATTRIBUTE_STRING));
  } else {
    for (const item of value) chunks.push(whole(8, item));
    chunks.push(whole(20, ATTRIBUTE_INTS));
  }
  return message(5, chunks);
}

function valueInfo(field: number, name: string, spec: TensorSpec): Chunk {
  const dims = spec.dims.map((length) => message(1, [whole(1, length)]));
  const tensorType = [whole(1, TYPE_CODE[spec.type]), message(2, dims)];
  return message(field, [text(1, name), message(2, [message(1, tensorType)])]);
}

/** Little-endian bytes of the constants, whatever the machine's own order. */
function rawData(type: keyof typeof TYPE_CODE, values: ArrayLike<number>): Uint8Array {
  const bytesEach = type === "int64" ? 8 : 4;
  const bytes = new Uint8Array(values.length * bytesEach);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < values.length; index += 1) {
    const at = index * bytesEach;
    if (type === "float32") view.setFloat32(at, values[index]!, true);
    else if (type === "int32") view.setInt32(at, values[index]!, true);
    else view.setBigInt64(at, BigInt(values[index]!), true);
  }
  return bytes;
}

const HEAD: readonly Chunk[] = [whole(1, IR_VERSION), text(2, "tequio")];
const OPSETS: Chunk = message(8, [text(1, ""), whole(2, OPSET)]);

/** All of an initialiser up to its values, which are the last of its fields. */
function weightHead({ name, dims, size }: Weight): Chunk {
  const bytes = FLOAT_BYTES * size;
  const fields = joined([
    ...dims.map((length) => whole(1, length)),
    whole(2, TYPE_CODE.float32),
    text(8, name),
    tag(9, BYTES),
    varint(bytes),
  ]);
  return joined([tag(5, BYTES), varint(fields.length + bytes), fields]);
}

/** Collects nodes and constants of one graph. Values are named by strings that it hands out. */
export class GraphWriter {
  readonly #nodes: Chunk[] = [];
  readonly #constants: Chunk[] = [];
  readonly #known = new Map<string, string>();
  readonly #weights: Weight[] = [];
  readonly #inputs: Record<string, TensorSpec> = {};
  #names = 0;

  /** Declares an input under its public name. */
  input(name: string, type: TensorSpec["type"], dims: readonly number[]): string {
    assert(this.#inputs[name] === undefined, `input ${name} is declared once`);
    this.#inputs[name] = { type, dims };
    return name;
  }

  /** A parameter that the file itself holds; `offset` is its place in the model's vector. */
  weight({ name, shape, offset, size }: LayoutEntry): string {
    this.#weights.push({ name, dims: shape, offset, size });
    return name;
  }

  /** One node with one output; answers the output's name. */
  op(type: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.ops(type, inputs, 1, attributes)[0]!;
  }

  /** One node with several outputs. */
  ops(
    type: string,
    inputs: readonly string[],
    count: number,
    attributes: Attributes = {},
  ): readonly string[] {
    const outputs = Array.from({ length: count }, () => this.#fresh());
    this.#node(type, inputs, outputs, attributes);
    return outputs;
  }

  /** Publishes a value as an output under its public name. */
  publish(name: string, value: string): void {
    this.#node("Identity", [value], [name], {});
  }

  /** A float constant; without dims a scalar that broadcasts. */
  floats(values: ArrayLike<number>, dims: readonly number[]): string {
    return this.#constant("float32", values, dims);
  }

  scalar(value: number): string {
    return this.floats([value], []);
  }

  int32s(values: ArrayLike<number>, dims: readonly number[]): string {
    return this.#constant("int32", values, dims);
  }

  /** Shapes, axes and bounds: ONNX wants them as int64 vectors. */
  shape(values: readonly number[]): string {
    return this.#constant("int64", values, [values.length]);
  }

  reshape(value: string, dims: readonly number[]): string {
    return this.op("Reshape", [value, this.shape(dims)]);
  }

  transpose(value: string, perm: readonly number[]): string {
    return this.op("Transpose", [value], { perm });
  }

  /** a b, each transposed on request, times alpha, plus a matrix; matrices only, without copies. */
  gemm(
    a: string,
    b: string,
    options: {
      readonly transA?: boolean;
      readonly transB?: boolean;
      readonly alpha?: number;
      readonly plus?: string | undefined;
    } = {},
  ): string {
    const attributes: Record<string, Attributes[string]> = {};
    if (options.transA) attributes.transA = 1;
    if (options.transB) attributes.transB = 1;
    if (options.alpha !== undefined) attributes.alpha = { float: options.alpha };
    const inputs = options.plus === undefined ? [a, b] : [a, b, options.plus];
    return this.op("Gemm", inputs, attributes);
  }

  /** The finished model. */
  finish(name: string, outputs: Readonly<Record<string, TensorSpec>>): Graph {
    const model = [...HEAD, message(7, this.#graph(name, outputs)), OPSETS];
    return { bytes: joined(model), inputs: { ...this.#inputs }, outputs };
  }

  /** The finished model with its weights and notes, as a file whose weights are filled in later. */
  finishFile(
    name: string,
    outputs: Readonly<Record<string, TensorSpec>>,
    notes: Readonly<Record<string, string>>,
  ): readonly FilePiece[] {
    const graph = joined(this.#graph(name, outputs));
    const weights = this.#weights.map((weight) => ({ weight, head: weightHead(weight) }));
    const bytes = weights.reduce(
      (sum, { weight, head }) => sum + head.length + FLOAT_BYTES * weight.size,
      graph.length,
    );
    const properties = Object.entries(notes).map((pair) =>
      message(14, [text(1, pair[0]), text(2, pair[1])]),
    );
    return [
      joined([...HEAD, tag(7, BYTES), varint(bytes), graph]),
      ...weights.flatMap(({ weight: { offset, size }, head }) => [head, { offset, size }]),
      joined([OPSETS, ...properties]),
    ];
  }

  #graph(name: string, outputs: Readonly<Record<string, TensorSpec>>): readonly Chunk[] {
    return [
      ...this.#nodes,
      text(2, name),
      ...this.#constants,
      ...Object.entries(this.#inputs).map(([key, spec]) => valueInfo(11, key, spec)),
      ...Object.entries(outputs).map(([key, spec]) => valueInfo(12, key, spec)),
    ];
  }

  #fresh(): string {
    this.#names += 1;
    return `t${this.#names}`;
  }

  #node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes,
  ): void {
    this.#nodes.push(
      message(1, [
        ...inputs.map((input) => text(1, input)),
        ...outputs.map((output) => text(2, output)),
        text(4, type),
        ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      ]),
    );
  }

  #constant(
    type: keyof typeof TYPE_CODE,
    values: ArrayLike<number>,
    dims: readonly number[],
  ): string {
    const key = `${type}:${dims.join(",")}:${Array.from(values).join(",")}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = `c${this.#known.size}`;
    this.#known.set(key, name);
    const shape = dims.map((length) => whole(1, length));
    const content = raw(9, rawData(type, values));
    this.#constants.push(message(5, [...shape, whole(2, TYPE_CODE[type]), text(8, name), content]));
    return name;
  }
}
