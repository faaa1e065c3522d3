/**
 * The first losses of a PyTorch run with the same model, start, batches and optimiser (PyTorch
 * 1.13, CPU): whoever changes the arithmetic by more than rounding fails here.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSotu } from "./corpus.ts";
import type { ExecutorKind } from "./executor.ts";
import { initialParameters } from "./layout.ts";
import { mulberry32 } from "./random.ts";
import { Trainee } from "./stretch.ts";
import { executorOf, nativeMissing } from "./testing.ts";
import { randomBatch } from "./windows.ts";

const PYTORCH = [
  5.5544, 5.17072, 5.00585, 4.91145, 4.82699, 4.7595, 4.72385, 4.66773, 4.64597, 4.55563,
] as const;
const CONFIG = { vocab: 256, context: 128, width: 128, layers: 4, heads: 4 };
const START_SEED = 1;
const DATA_SEED = 7;

async function losses(kind: ExecutorKind, innerSteps: number): Promise<readonly number[]> {
  const corpus = await loadSotu();
  assert.ok(corpus.ok);
  const { train, gate, report } = corpus.value.parts;
  // The reference drew from the whole text in the order of the files, not from one part.
  const whole = { tokens: corpus.value.whole };
  assert.equal(whole.tokens.length, train.bytes.length + gate.bytes.length + report.bytes.length);
  const random = mulberry32(DATA_SEED);
  const trainee = new Trainee(await executorOf(kind), CONFIG);
  const seen: number[] = [];
  const stretch = await trainee.runStretch({
    parameters: initialParameters(CONFIG, START_SEED),
    batches: () => randomBatch(whole, CONFIG.context, 16, random),
    innerSteps,
    batch: 16,
    lrStart: 3e-4,
    lrEnd: 3e-4,
    onStep: ({ loss }) => seen.push(loss),
  });
  assert.ok(stretch.ok);
  await trainee.release();
  return seen;
}

test("the first ten losses on CPU are PyTorch's to 1e-5", async (t) => {
  const missing = await nativeMissing();
  if (missing !== false) return t.skip(missing);
  for (const [step, loss] of (await losses("native", 10)).entries()) {
    assert.ok(Math.abs(loss - PYTORCH[step]!) < 1e-5, `step ${step}: ${loss}`);
  }
});

test("the first three losses in WASM are PyTorch's to 1e-4", async () => {
  for (const [step, loss] of (await losses("wasm", 3)).entries()) {
    assert.ok(Math.abs(loss - PYTORCH[step]!) < 1e-4, `step ${step}: ${loss}`);
  }
});
