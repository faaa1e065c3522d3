// Exported files are read back: safetensors by its bytes, ONNX by the engine itself, whose logits
// are those of the graph that sampling uses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { modelParameters, TRAINER_BATCHES } from "@tequio/core/training";
import fc from "fast-check";
import { openExecutor } from "./executor.ts";
import { exportPieces } from "./export.ts";
import { logitsGraph } from "./graph.ts";
import { initialParameters, layoutOf, type ModelConfig, parameterCount } from "./layout.ts";
import type { FilePiece } from "./onnx.ts";
import { BATCH_SIZES } from "./sessions.ts";

const CONFIG: ModelConfig = { vocab: 61, context: 12, width: 24, layers: 2, heads: 3 };

const fileOf = (pieces: readonly FilePiece[], vector: Float32Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    Buffer.concat(
      pieces.map((piece) => {
        if (piece instanceof Uint8Array) return piece;
        const { offset, size } = piece;
        return new Uint8Array(vector.slice(offset, offset + size).buffer);
      }),
    ),
  );

interface Row {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

test("a safetensors file names every parameter with its shape and its very values", () => {
  const anyConfig = fc.record({
    ...{ vocab: fc.integer({ min: 2, max: 40 }), context: fc.integer({ min: 8, max: 20 }) },
    ...{ layers: fc.integer({ min: 1, max: 3 }), heads: fc.constantFrom(1, 2, 4) },
    width: fc.constantFrom(8, 16, 20),
  });
  fc.assert(
    fc.property(anyConfig, fc.string(), (config, note) => {
      const vector = initialParameters(config, 3);
      const file = fileOf(exportPieces(config, "safetensors", { run: note }), vector);
      const length = Number(new DataView(file.buffer).getBigUint64(0, true));
      assert.equal((8 + length) % 8, 0);
      const text = new TextDecoder().decode(file.subarray(8, 8 + length));
      const header = JSON.parse(text) as Record<string, Row> & { __metadata__: object };
      assert.deepEqual(header.__metadata__, { format: "pt", run: note });
      const data = file.slice(8 + length);
      let end = 0;
      for (const { name, shape, offset, size } of layoutOf(config)) {
        const row = header[name]!;
        assert.deepEqual([row.dtype, row.shape], ["F32", shape]);
        assert.equal(row.data_offsets[0], end, "no gaps, which readers refuse");
        end = row.data_offsets[1];
        const values = new Float32Array(data.slice(...row.data_offsets).buffer);
        assert.deepEqual(values, vector.slice(offset, offset + size));
      }
      assert.equal(end, data.length);
    }),
    { numRuns: 30 },
  );
});

test("an exported ONNX file opens by itself and gives the logits of a run", async () => {
  const vector = initialParameters(CONFIG, 7);
  const bytes = fileOf(exportPieces(CONFIG, "onnx", { run: "3", round: "9" }), vector);
  const opened = await openExecutor({ threads: 1 });
  assert.ok(opened.ok);
  const { executor } = opened.value;
  const graph = logitsGraph({ ...CONFIG, batch: 1 });
  const own = await executor.open(graph);
  const { p: _, ...inputs } = graph.inputs;
  const exported = await executor.open({ bytes, inputs, outputs: graph.outputs });
  const x = Int32Array.from({ length: CONFIG.context }, (_, i) => (i * 17) % CONFIG.vocab);
  const expected = (await own.run({ p: vector, x })).logits!;
  const logits = (await exported.run({ x })).logits!;
  assert.equal(logits.length, CONFIG.context * CONFIG.vocab);
  for (const [i, value] of logits.entries()) assert.ok(Math.abs(value - expected[i]!) < 1e-5);
  await own.release();
  await exported.release();
  assert.ok(Buffer.from(bytes).includes("tequio"), "the file says who wrote it");
});

test("plans count parameters and batches as the trainer does", () => {
  assert.deepEqual(TRAINER_BATCHES, BATCH_SIZES);
  for (const width of [8, 24, 96]) {
    const config = { ...CONFIG, width, layers: width / 8 };
    assert.equal(modelParameters(config), parameterCount(config));
  }
});
