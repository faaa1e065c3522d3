/** The one-pass AdamW step: equal to the graph's and to double precision, at every length. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stepScalars } from "./adamw.ts";
import { gradientGraph, trainingGraph } from "./graph.ts";
import { initialParameters } from "./layout.ts";
import { openVectors, plainVectors, type StepVectors } from "./optimiser.ts";
import { mulberry32 } from "./random.ts";
import { anyExecutor, randomTokens, TINY } from "./testing.ts";

function filled(vectors: StepVectors, seed: number): StepVectors {
  const random = mulberry32(seed);
  const count = vectors.p.length;
  for (let i = 0; i < count; i += 1) {
    vectors.p[i] = random() - 0.5;
    vectors.m[i] = (random() - 0.5) * 0.1;
    vectors.v[i] = random() * 0.01;
    vectors.g[i] = random() - 0.5;
  }
  return vectors;
}

const worst = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

test("the kernel and the plain loop agree for every number of parameters", () => {
  for (const count of [1, 2, 3, 4, 5, 7, 8, 1_001, 16_384, 16_385]) {
    const kernel = filled(openVectors(count), count);
    const plain = filled(plainVectors(count), count);
    for (const t of [1, 2, 3]) {
      kernel.step(stepScalars(0.01, t));
      plain.step(stepScalars(0.01, t));
    }
    for (const name of ["p", "m", "v", "g"] as const) {
      assert.equal(kernel[name].length, count);
      const differs = worst(kernel[name], plain[name]);
      assert.ok(differs < 1e-6, `${name} of ${count} differs by ${differs}`);
    }
  }
});

test("a parameter without a gradient only decays, and nothing becomes NaN", () => {
  const vectors = openVectors(6);
  vectors.p.fill(2);
  vectors.step(stepScalars(0.5, 1));
  for (const value of vectors.p) assert.ok(Math.abs(value - 2 * (1 - 0.5 * 0.1)) < 1e-6);
  assert.deepEqual([...vectors.m, ...vectors.v], new Array(12).fill(0));
});

test("gradient and kernel are the training graph", async () => {
  const executor = await anyExecutor();
  const shape = { ...TINY, batch: 2 };
  const whole = await executor.open(trainingGraph(shape));
  const gradient = await executor.open(gradientGraph(shape));
  const parameters = initialParameters(TINY, 5);
  const vectors = openVectors(parameters.length);
  vectors.p.set(parameters);
  let p: Float32Array = parameters;
  let m: Float32Array = new Float32Array(p.length);
  let v: Float32Array = new Float32Array(p.length);
  for (const t of [1, 2, 3, 4]) {
    const batch = randomTokens(TINY, 2, t);
    const sc = stepScalars(0.003, t);
    const out = await whole.run({ p, m, v, ...batch, sc });
    [p, m, v] = [out.p2!, out.m2!, out.v2!];
    vectors.g.set((await gradient.run({ p: vectors.p, ...batch })).g!);
    vectors.step(sc);
    // Two ways to round the same sums; a moment of the size of the rounding may turn its sign.
    assert.ok(worst(vectors.p, p) < 1e-5, `step ${t}: parameters differ`);
    assert.ok(worst(vectors.m, m) < 1e-6 && worst(vectors.v, v) < 1e-6, `step ${t}: moments`);
  }
  await whole.release();
  await gradient.release();
});
