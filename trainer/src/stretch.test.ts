/** Stretches: same bits twice, moments that live on, early end, divergence, checkpoints. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { gradientGraph } from "./graph.ts";
import { initialParameters, parameterCount } from "./layout.ts";
import { BATCH_SIZES, batchSizeFor, SessionCache } from "./sessions.ts";
import { type StretchOptions, Trainee } from "./stretch.ts";
import { anyExecutor, executorOf, randomTokens, TINY } from "./testing.ts";

const executor = await anyExecutor();
const trainees: Trainee[] = [];
after(async () => {
  for (const one of trainees) await one.release();
});

function trainee(on = executor): Trainee {
  let nowMs = 0;
  const made = new Trainee(on, TINY, {
    nowMs: () => {
      nowMs += 1;
      return nowMs;
    },
  });
  trainees.push(made);
  return made;
}

const options = (more: Partial<StretchOptions> = {}): StretchOptions => ({
  parameters: initialParameters(TINY, 1),
  batches: (step) => randomTokens(TINY, more.batch ?? 2, 100 + step),
  innerSteps: 5,
  batch: 2,
  lrStart: 0.01,
  lrEnd: 0.005,
  ...more,
});

/** The same seven tokens over and over: learnable in a few steps. */
const pattern = (batch: number) => {
  const tokens = batch * TINY.context;
  const ids = (shift: number) => Int32Array.from({ length: tokens }, (_, at) => (at + shift) % 6);
  return { x: ids(0), y: ids(1) };
};

async function run(on: Trainee, more: Partial<StretchOptions> = {}) {
  const stretch = await on.runStretch(options(more));
  assert.ok(stretch.ok, stretch.ok ? "" : stretch.message);
  return stretch.value;
}

for (const kind of ["native", "wasm"] as const) {
  test(`two ${kind} stretches from the same state give the same bits`, async (t) => {
    let on: Awaited<ReturnType<typeof executorOf>>;
    try {
      on = await executorOf(kind);
    } catch (error) {
      return t.skip(String(error));
    }
    const first = trainee(on);
    const second = trainee(on);
    const [a, b] = [await run(first), await run(second)];
    assert.deepEqual(a, b);
    assert.deepEqual(first.exportState(), second.exportState());
    assert.notDeepEqual(a.parameters, initialParameters(TINY, 1));
  });
}

test("a stretch does not change the model it starts from", async () => {
  const parameters = initialParameters(TINY, 3);
  await run(trainee(), { parameters });
  assert.deepEqual(parameters, initialParameters(TINY, 3));
});

test("two short stretches are one long one: moments, counter and rate go on", async () => {
  const long = trainee();
  const whole = await run(long, { innerSteps: 6, lrStart: 0.01, lrEnd: 0.004 });
  const short = trainee();
  const half = await run(short, { innerSteps: 3, lrStart: 0.01, lrEnd: 0.007 });
  const rest = await run(short, {
    parameters: half.parameters,
    batches: (step) => randomTokens(TINY, 2, 103 + step),
    innerSteps: 3,
    lrStart: 0.007,
    lrEnd: 0.004,
  });
  assert.equal(long.t, 6);
  assert.equal(short.t, 6);
  const worst = whole.parameters.reduce(
    (most, value, at) => Math.max(most, Math.abs(value - rest.parameters[at]!)),
    0,
  );
  assert.ok(worst < 1e-6, `differs by ${worst}`);
});

test("a checkpoint goes on with the same bits at another site", async () => {
  const first = trainee();
  const start = await run(first);
  const second = trainee();
  assert.ok(second.importState(first.exportState()).ok);
  const more = { parameters: start.parameters };
  assert.deepEqual(await run(second, more), await run(first, more));
});

test("a checkpoint of another model, or with damaged moments, is refused", () => {
  const one = trainee();
  const good = one.exportState();
  const damaged = good.v.slice();
  damaged[5] = Number.NaN;
  const bad = [
    { ...good, m: new Float32Array(3) },
    { ...good, v: damaged },
    { ...good, t: -1 },
  ];
  for (const state of bad) {
    const imported = one.importState(state);
    assert.equal(!imported.ok && imported.code, "CODEC_INVALID");
  }
  assert.ok(one.importState(good).ok);
});

test("training learns a pattern, and reports rate, tokens and time of each step", async () => {
  const rates: number[] = [];
  const losses: number[] = [];
  const stretch = await run(trainee(), {
    batches: () => pattern(4),
    batch: 4,
    innerSteps: 40,
    lrStart: 0.02,
    lrEnd: 0,
    onStep: ({ loss, learningRate, elapsedMs, step }) => {
      losses.push(loss);
      rates.push(learningRate);
      assert.equal(elapsedMs, step + 1);
    },
  });
  assert.ok(losses.at(-1)! < 0.1 && losses[0]! > 2, `from ${losses[0]} to ${losses.at(-1)}`);
  assert.equal(stretch.tokens, 40 * 4 * TINY.context);
  assert.equal(stretch.steps, 40);
  assert.ok(Math.abs(rates[0]! - 0.02) < 1e-12 && Math.abs(rates[20]! - 0.01) < 1e-12);
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  assert.ok(Math.abs(stretch.meanLoss - mean) < 1e-9);
});

test("a stretch that is stopped keeps the steps it has done", async () => {
  const one = trainee();
  let done = 0;
  const stretch = await run(one, {
    innerSteps: 50,
    onStep: () => {
      done += 1;
    },
    shouldStop: () => done >= 3,
  });
  assert.equal(stretch.steps, 3);
  assert.equal(one.t, 3);
});

test("a diverged stretch is refused and leaves the optimiser as it was", async () => {
  const one = trainee();
  await run(one);
  const before = one.exportState();
  const stretch = await one.runStretch(options({ lrStart: 1e30, lrEnd: 1e30, innerSteps: 8 }));
  assert.equal(!stretch.ok && stretch.code, "LOSS_NOT_FINITE");
  assert.deepEqual(one.exportState(), before);
  await run(one);
});

test("a failing batch leaves the optimiser as it was, and the next stretch runs", async () => {
  const one = trainee();
  const before = one.exportState();
  const batches = (step: number) => {
    if (step === 2) throw new RangeError("no windows are left");
    return randomTokens(TINY, 2, step);
  };
  await assert.rejects(one.runStretch(options({ batches })), RangeError);
  assert.deepEqual(one.exportState(), before);
  await run(one);
});

test("a site may change its batch from stretch to stretch", async () => {
  const one = trainee();
  let parameters = initialParameters(TINY, 1);
  for (const batch of [1, 2, 3, 4, 6, 1]) {
    ({ parameters } = await run(one, { parameters, batch, innerSteps: 2 }));
  }
  assert.equal(one.t, 12);
});

test("the gradient of a batch is that of the gradient graph and moves nothing", async () => {
  const one = trainee();
  const p = initialParameters(TINY, 5);
  const batch = randomTokens(TINY, 3, 6);
  const { loss, gradient } = await one.gradient(p, batch);
  const session = await executor.open(gradientGraph({ ...TINY, batch: 3 }));
  const direct = await session.run({ p, ...batch });
  await session.release();
  assert.equal(gradient.length, parameterCount(TINY));
  assert.deepEqual({ loss, gradient }, { loss: direct.loss![0], gradient: direct.g });
  assert.equal(one.t, 0);
});

test("the cache opens a graph once and closes the one unused longest", async () => {
  const log: string[] = [];
  const cache = new SessionCache(
    {
      kind: "native",
      version: "fake",
      threads: 1,
      open: async (graph) => {
        const batch = graph.inputs.x!.dims[0]! / TINY.context;
        log.push(`open ${batch}`);
        return {
          run: async () => ({}),
          release: async () => {
            log.push(`close ${batch}`);
          },
        };
      },
    },
    TINY,
    gradientGraph,
  );
  for (const batch of [1, 2, 3, 1, 4, 6]) await cache.get(batch);
  assert.deepEqual(log, ["open 1", "open 2", "open 3", "open 4", "open 6", "close 2"]);
  await cache.release();
  assert.deepEqual(log.slice(6).sort(), ["close 1", "close 3", "close 4", "close 6"]);
});

test("a batch size is the largest of the ladder that fits", () => {
  assert.deepEqual([0.3, 1, 5, 8, 11.9, 10_000].map(batchSizeFor), [1, 1, 4, 8, 8, 128]);
  for (const [index, size] of BATCH_SIZES.entries()) {
    assert.ok(index === 0 || size > BATCH_SIZES[index - 1]!);
  }
});
