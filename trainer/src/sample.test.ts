/** Sampling and evaluation: deterministic by seed, and in agreement with the model. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Evaluator } from "./evaluate.ts";
import { lossGraph } from "./graph.ts";
import { initialParameters } from "./layout.ts";
import { mulberry32 } from "./random.ts";
import { pickToken, printable, Sampler } from "./sample.ts";
import { Trainee } from "./stretch.ts";
import { anyExecutor } from "./testing.ts";
import { fillBatch, type Part, randomBatch, windowOrder } from "./windows.ts";

const CONFIG = { vocab: 128, context: 8, width: 16, layers: 1, heads: 2 };
const executor = await anyExecutor();
const sampler = await Sampler.open(executor, CONFIG);
after(() => sampler.release());
const start = initialParameters(CONFIG, 1);
const text = new TextEncoder().encode("the people of the union ".repeat(40));
const part: Part = { name: "gate", bytes: text, tokens: text };

/** Knows the sentence of `part` by heart. */
async function learned(): Promise<Float32Array> {
  const trainee = new Trainee(executor, CONFIG);
  const random = mulberry32(1);
  const stretch = await trainee.runStretch({
    parameters: start,
    batches: () => randomBatch(part, CONFIG.context, 8, random),
    innerSteps: 300,
    batch: 8,
    lrStart: 0.01,
    lrEnd: 0.001,
  });
  await trainee.release();
  assert.ok(stretch.ok);
  return stretch.value.parameters;
}

test("the same seed gives the same text, another seed another text", async () => {
  const ask = (seed: number) =>
    sampler.sampleBytes({ parameters: start, prompt: "the ", bytes: 40, seed });
  assert.deepEqual(await ask(1), await ask(1));
  assert.notDeepEqual(await ask(1), await ask(2));
});

test("a model that knows a sentence says it, also beyond its context", async () => {
  const parameters = await learned();
  const text = await sampler.sample({
    parameters,
    prompt: "the peop",
    bytes: 30,
    seed: 1,
    temperature: 0,
  });
  assert.equal(text, "the people of the union the people of ");
  const opened = await Evaluator.open({
    executor,
    config: CONFIG,
    part,
    seed: 1,
    batch: 4,
    batches: 5,
  });
  assert.ok(opened.ok);
  const [before, after] = [await opened.value.loss(start), await opened.value.loss(parameters)];
  assert.ok(before > 4 && after < 0.6, `${before} to ${after}`);
  await opened.value.release();
});

test("an evaluator is the mean of the loss graph over the seed's windows", async () => {
  const options = { executor, config: CONFIG, part, seed: 9, batch: 3, batches: 4 };
  const opened = await Evaluator.open(options);
  assert.ok(opened.ok);
  assert.equal(opened.value.tokens, 3 * 4 * CONFIG.context);
  const session = await executor.open(lossGraph({ ...CONFIG, batch: 12 }));
  const windows = windowOrder(part, CONFIG.context, 9).subarray(0, 12);
  const { loss } = await session.run({
    p: start,
    ...fillBatch(part, windows, CONFIG.context),
  });
  assert.ok(Math.abs((await opened.value.loss(start)) - loss![0]!) < 1e-5);
  assert.equal(await opened.value.loss(start), await opened.value.loss(start));
  await session.release();
  await opened.value.release();
});

test("an evaluator refuses a part with too few windows", async () => {
  const options = { executor, config: CONFIG, part, seed: 9, batch: 100, batches: 100 };
  const opened = await Evaluator.open(options);
  assert.equal(!opened.ok && opened.code, "CORPUS_INVALID");
});

test("temperature 0 takes the likeliest token, top-k never another than the k likeliest", () => {
  const logits = Float32Array.of(0, 3, 1, 2.9);
  const random = mulberry32(4);
  assert.equal(pickToken(logits, 0.999, 0, 4), 1);
  const counts = [0, 0, 0, 0];
  for (let draw = 0; draw < 4_000; draw += 1) counts[pickToken(logits, random(), 1, 2)]! += 1;
  assert.deepEqual([counts[0], counts[2]], [0, 0]);
  // exp(3) against exp(2.9): 52.5 to 47.5 percent.
  assert.ok(Math.abs(counts[1]! / 4_000 - 0.525) < 0.03);
});

test("top-p leaves out the tail, keeps at least one token and combines with top-k", () => {
  const logits = Float32Array.from([0.05, 0.5, 0.15, 0.3].map(Math.log));
  const drawn = (topK: number, topP: number) =>
    new Set(Array.from({ length: 1_000 }, (_, i) => pickToken(logits, i / 1_000, 1, topK, topP)));
  assert.deepEqual(drawn(4, 0.75), new Set([1, 3]));
  assert.deepEqual(drawn(4, 0), new Set([1]));
  assert.deepEqual(drawn(4, 1), new Set([1, 3, 2, 0]));
  // Of the two likeliest 0.5 to 0.3: the first alone has 62 percent.
  assert.deepEqual(drawn(2, 0.6), new Set([1]));
});

test("with top-p the same seed gives the same text", async () => {
  const ask = (seed: number) =>
    sampler.sampleBytes({ parameters: start, prompt: "the ", bytes: 40, seed, topP: 0.5 });
  assert.deepEqual(await ask(3), await ask(3));
  assert.notDeepEqual(await ask(3), await ask(4));
});

test("sampled text can be printed safely", () => {
  const bytes = Uint8Array.of(72, 105, 10, 9, 27, 91, 50, 74, 0, 127, 0xc3, 0xa9, 0xff);
  assert.equal(printable(bytes), "Hi\n\t·[2J··é\u{fffd}");
});
