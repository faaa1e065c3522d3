/** The graphs against finite differences, a second AdamW, each other, and across executors. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { BETA1, BETA2, EPSILON, stepScalars, WEIGHT_DECAY } from "./adamw.ts";
import type { Feeds, Floats } from "./executor.ts";
import { gradientGraph, logitsGraph, lossGraph, trainingGraph } from "./graph.ts";
import { type LayoutEntry, layoutOf, type ModelConfig, parameterCount } from "./layout.ts";
import type { Graph } from "./onnx.ts";
import { mulberry32, normal } from "./random.ts";
import { anyExecutor, executorOf, nativeMissing, randomTokens, TINY } from "./testing.ts";

const N = parameterCount(TINY);
const executor = await anyExecutor();
const opened: { release(): Promise<void> }[] = [];
after(async () => {
  for (const session of opened) await session.release();
});

async function runner(graph: Graph, on = executor): Promise<(feeds: Feeds) => Promise<Floats>> {
  const session = await on.open(graph);
  opened.push(session);
  return (feeds) => session.run(feeds);
}

/** Far from the usual start: larger gradients stand out from the rounding of float32. */
function wildParameters(seed: number, count = N): Float32Array {
  const random = mulberry32(seed);
  return Float32Array.from({ length: count }, () => 0.3 * normal(random));
}

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + value * b[index]!, 0);

/** A vector of length 1 that is zero outside one parameter. */
function unit(entry: LayoutEntry, count: number, value: (index: number) => number): Float32Array {
  const direction = new Float32Array(count);
  for (let at = entry.offset; at < entry.offset + entry.size; at += 1) direction[at] = value(at);
  const length = Math.sqrt(dot(direction, direction));
  return direction.map((part) => part / length);
}

/** The gradient of the loss against the loss itself, a little to either side. */
async function checkGradient(config: ModelConfig): Promise<void> {
  const shape = { ...config, batch: 3, cores: 1 };
  const count = parameterCount(config);
  const loss = await runner(lossGraph(shape));
  const gradientOf = await runner(gradientGraph(shape));
  const p = wildParameters(1, count);
  const batch = randomTokens(config, 3, 2);
  const { g } = await gradientOf({ p, ...batch });
  const lossAt = async (direction: Float32Array, step: number): Promise<number> => {
    const moved = p.map((value, index) => value + step * direction[index]!);
    return (await loss({ p: moved, ...batch })).loss![0]!;
  };
  const slope = async (direction: Float32Array, step: number): Promise<number> =>
    ((await lossAt(direction, step)) - (await lossAt(direction, -step))) / (2 * step);
  const random = mulberry32(3);
  for (const entry of layoutOf(config)) {
    // Downhill shows a missing term; a random direction shows a misplaced one.
    for (const direction of [
      unit(entry, count, (at) => g![at]!),
      unit(entry, count, () => normal(random)),
    ]) {
      // Richardson: the error of the central difference shrinks with the square of the step.
      const wide = await slope(direction, 0.02);
      const measured = (4 * (await slope(direction, 0.01)) - wide) / 3;
      const claimed = dot(g!, direction);
      const allowed = 5e-4 + 0.005 * Math.abs(claimed);
      const text = `${entry.name}: measured ${measured}, claimed ${claimed}`;
      assert.ok(Math.abs(measured - claimed) < allowed, text);
    }
  }
}

test("the gradient of every parameter agrees with finite differences", () => checkGradient(TINY));

test("so it does with a vocabulary whose ids are looked up", async () => {
  await checkGradient({ ...TINY, layers: 1, vocab: 530 });
});

test("ids that are looked up give one loss and gradient on every executor", async () => {
  // Ids that come again and again are the hard case of a sum into rows.
  const wide = { ...TINY, vocab: 530, batch: 2 };
  const { x, y } = randomTokens({ ...TINY, vocab: 20 }, 2, 17);
  const repeated = x.map((id) => id % 3);
  const p = wildParameters(16, parameterCount(wide));
  const { g } = await (await runner(gradientGraph(wide)))({ p, x: repeated, y });
  const { logits } = await (await runner(logitsGraph(wide)))({ p, x: repeated });
  const { loss } = await (await runner(lossGraph(wide)))({ p, x: repeated, y });
  assert.ok(Math.abs(crossEntropy(logits!, y, wide.vocab) - loss![0]!) < 1e-5);
  const native = g!;
  const wasm = await (await runner(gradientGraph(wide), await executorOf("wasm")))({
    ...{ p, x: repeated, y },
  });
  for (const [index, value] of native.entries()) {
    assert.ok(Math.abs(value - wasm.g![index]!) < 1e-4);
  }
});

test("the training step is AdamW on the gradient, with the loss of the loss graph", async () => {
  const shape = { ...TINY, batch: 2 };
  const step = await runner(trainingGraph(shape));
  const gradientOf = await runner(gradientGraph(shape));
  const loss = await runner(lossGraph(shape));
  const batch = randomTokens(TINY, 2, 5);
  let p = wildParameters(4);
  let m = new Float32Array(N);
  let v = new Float32Array(N);
  for (const [t, rate] of [
    [1, 0.01],
    [2, 0.02],
    [3, 0.005],
  ] as const) {
    const { g, loss: lossOfGradient } = await gradientOf({ p, ...batch });
    const out = await step({ p, m, v, ...batch, sc: stepScalars(rate, t) });
    const wanted = p.map((value, index) => {
      const m2 = BETA1 * m[index]! + (1 - BETA1) * g![index]!;
      const v2 = BETA2 * v[index]! + (1 - BETA2) * g![index]! ** 2;
      const root = Math.sqrt(v2 / (1 - BETA2 ** t)) + EPSILON;
      return value * (1 - rate * WEIGHT_DECAY) - (rate * (m2 / (1 - BETA1 ** t))) / root;
    });
    const worst = wanted.reduce((most, w, i) => Math.max(most, Math.abs(w - out.p2![i]!)), 0);
    assert.ok(worst < 1e-5, `step ${t} differs by ${worst}`);
    const lossOfLoss = (await loss({ p, ...batch })).loss![0]!;
    assert.ok(Math.abs(out.loss![0]! - lossOfLoss) < 1e-6);
    assert.ok(Math.abs(lossOfGradient![0]! - lossOfLoss) < 1e-6);
    ({ p2: p, m2: m, v2: v } = out as { p2: typeof p; m2: typeof m; v2: typeof v });
  }
});

/** Cross-entropy of rows of logits, in double precision. */
function crossEntropy(logits: Float32Array, y: Int32Array, vocab: number): number {
  let sum = 0;
  for (const [row, target] of y.entries()) {
    const own = logits.subarray(row * vocab, (row + 1) * vocab);
    const top = Math.max(...own);
    const total = own.reduce((a, value) => a + Math.exp(value - top), 0);
    sum += Math.log(total) + top - own[target]!;
  }
  return sum / y.length;
}

test("the logits give the loss of the loss graph", async () => {
  const shape = { ...TINY, batch: 2 };
  const p = wildParameters(7);
  const { x, y } = randomTokens(TINY, 2, 8);
  const { logits } = await (await runner(logitsGraph(shape)))({ p, x });
  const { loss } = await (await runner(lossGraph(shape)))({ p, x, y });
  assert.ok(Math.abs(crossEntropy(logits!, y, TINY.vocab) - loss![0]!) < 1e-5);
});

test("a position never sees what stands after it", async () => {
  const run = await runner(logitsGraph({ ...TINY, batch: 1 }));
  const p = wildParameters(9);
  const x = randomTokens(TINY, 1, 10).x;
  const { logits: before } = await run({ p, x });
  for (let changed = 1; changed < TINY.context; changed += 1) {
    const other = x.map((id, at) => (at === changed ? (id + 1) % TINY.vocab : id));
    const { logits: now } = await run({ p, x: other });
    const border = changed * TINY.vocab;
    assert.deepEqual(now!.subarray(0, border), before!.subarray(0, border));
    assert.notDeepEqual(now!.subarray(border), before!.subarray(border));
  }
});

test("the gradient of a batch is the mean of the gradients of its halves", async () => {
  const p = wildParameters(11);
  const { x, y } = randomTokens(TINY, 4, 12);
  const whole = await (await runner(gradientGraph({ ...TINY, batch: 4 })))({ p, x, y });
  const half = await runner(gradientGraph({ ...TINY, batch: 2 }));
  const border = x.length / 2;
  const first = await half({ p, x: x.subarray(0, border), y: y.subarray(0, border) });
  const second = await half({ p, x: x.subarray(border), y: y.subarray(border) });
  for (const [index, value] of whole.g!.entries()) {
    assert.ok(Math.abs(value - (first.g![index]! + second.g![index]!) / 2) < 1e-5);
  }
});

test("a batch that is cut into parts has the loss and gradient of the whole", async () => {
  // Ten windows fit into one core at this width, so 13 are 7 and 6; two cores take all at once.
  const config = { ...TINY, layers: 1, context: 128, width: 192 };
  const p = wildParameters(18, parameterCount(config)).map((value) => value / 3);
  const batch = randomTokens(config, 13, 19);
  const outputs = async (cores?: number): Promise<Floats> => {
    const shape = { ...config, batch: 13, ...(cores && { cores }) };
    const run = await runner(gradientGraph(shape));
    return run({ p, ...batch });
  };
  const whole = await outputs();
  for (const cores of [1, 2]) {
    const cut = await outputs(cores);
    assert.ok(Math.abs(whole.loss![0]! - cut.loss![0]!) < 1e-5);
    const worst = whole.g!.reduce((most, w, i) => Math.max(most, Math.abs(w - cut.g![i]!)), 0);
    assert.ok(worst < 1e-5, `with ${cores} cores the gradients differ by ${worst}`);
  }
});

test("native and WASM agree on loss and gradient", async (t) => {
  const missing = await nativeMissing();
  if (missing !== false) return t.skip(missing);
  const graph = gradientGraph({ ...TINY, batch: 3 });
  const feeds = { p: wildParameters(13), ...randomTokens(TINY, 3, 14) };
  const native = await (await runner(graph, await executorOf("native")))(feeds);
  const wasm = await (await runner(graph, await executorOf("wasm")))(feeds);
  assert.ok(Math.abs(native.loss![0]! - wasm.loss![0]!) < 1e-5);
  for (const [index, value] of native.g!.entries()) {
    assert.ok(Math.abs(value - wasm.g![index]!) < 1e-4);
  }
});

test("a graph is never run on inputs of another length", async () => {
  const run = await runner(lossGraph({ ...TINY, batch: 2 }));
  const batch = randomTokens(TINY, 3, 15);
  await assert.rejects(run({ p: wildParameters(1), ...batch }), /length/);
  await assert.rejects(run({ ...batch }), /Invariant/);
});
