/**
 * A model as a file for other programs: safetensors, and ONNX with its weights. Only the parts
 * around the weights are made here; the values are the bytes of the model's vector as they lie in
 * the store, so a file of any size is put together while it is sent.
 */
import { forward, type Parameters } from "./forward.ts";
import { checkConfig, type LayoutEntry, layoutOf, type ModelConfig } from "./layout.ts";
import { type FilePiece, GraphWriter } from "./onnx.ts";
import { assert } from "./outcome.ts";

export const EXPORT_FORMATS = ["safetensors", "onnx"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const FLOAT_BYTES = 4;
/** Readers of safetensors want the values to start at a multiple of this. */
const ALIGN_BYTES = 8;

/**
 * The pieces of a file, in order: bytes, or a part of the model's vector (offset and size count
 * values of fp32). `notes` go into the file's own metadata. The model must be one that
 * `checkConfig` accepts.
 */
export function exportPieces(
  config: ModelConfig,
  format: ExportFormat,
  notes: Readonly<Record<string, string>>,
): readonly FilePiece[] {
  assert(checkConfig(config).ok, "only a model that was trained is exported");
  switch (format) {
    case "safetensors":
      return safetensors(config, notes);
    case "onnx":
      return onnx(config, notes);
    default:
      return format satisfies never;
  }
}

/** Eight bytes of length, a header in JSON, then all values one after another. */
function safetensors(
  config: ModelConfig,
  notes: Readonly<Record<string, string>>,
): readonly FilePiece[] {
  const layout = layoutOf(config);
  const rows = layout.map(({ name, shape, offset, size }) => {
    const offsets = [offset, offset + size].map((at) => FLOAT_BYTES * at);
    return [name, { dtype: "F32", shape, data_offsets: offsets }] as const;
  });
  // `format` tells Python libraries that plain tensors are meant.
  const header = { __metadata__: { format: "pt", ...notes }, ...Object.fromEntries(rows) };
  const plain = new TextEncoder().encode(JSON.stringify(header));
  const length = ALIGN_BYTES * Math.ceil(plain.length / ALIGN_BYTES);
  const head = new Uint8Array(8 + length).fill(32); // Spaces fill the header up.
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(plain, 8);
  return [head, { offset: 0, size: valuesOf(layout) }];
}

const valuesOf = (layout: readonly LayoutEntry[]): number => {
  const last = layout.at(-1)!;
  return last.offset + last.size;
};

/** Token ids `x` of one window, int32 [context], to `logits`, float [context, vocab]. */
function onnx(config: ModelConfig, notes: Readonly<Record<string, string>>): readonly FilePiece[] {
  const writer = new GraphWriter();
  const shape = { ...config, batch: 1 };
  const x = writer.input("x", "int32", [config.context]);
  for (const entry of layoutOf(config)) writer.weight(entry);
  const parameter: Parameters = (name) => name;
  writer.publish("logits", forward(writer, parameter, x, shape).logits);
  const dims = [config.context, config.vocab];
  return writer.finishFile("model", { logits: { type: "float32", dims } }, notes);
}
