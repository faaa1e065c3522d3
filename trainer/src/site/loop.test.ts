// What a site computes from round to round, against an exchange that answers from a list.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { windowsOf as windowsOfRanges } from "@tequio/core/training";
import { loadCorpus, tokenised } from "../corpus.ts";
import { initialParameters } from "../layout.ts";
import { Trainee } from "../stretch.ts";
import { anyExecutor, TINY } from "../testing.ts";
import { fillBatch, windowsOf } from "../windows.ts";
import type { Done, Exchanged, ExchangePort, Next, Train } from "./exchange.ts";
import { nowMs } from "./exchange.ts";
import { takePart } from "./loop.ts";
import { ownText } from "./own-text.ts";

const executor = await anyExecutor();
const MODEL = { ...TINY, vocab: 256 };
const BATCH = 2;
const STEPS = 3;
const RATE = 0.01;
/** Long enough for a few steps of the model of this test. */
const MERGE_MS = 40;

const corpus = await loadCorpus("sotu");
assert.ok(corpus.ok);
const { train } = corpus.value.parts;

function nextOf(round: number, more: Partial<Train> = {}): Next {
  const assignment: Train = {
    ...{ state: "train", reason: "", version: round, round, model: MODEL, modelDigest: "" },
    ...{ innerSteps: STEPS, batch: BATCH, codec: "fp32", windows: 100, seed: 1 },
    ranges: [{ pass: 0, from: round * STEPS * BATCH, to: (round + 1) * STEPS * BATCH }],
    ...{ learningRateStart: RATE, learningRateEnd: RATE },
    ...more,
  };
  return { assignment, model: initialParameters(MODEL, round), receivedMs: nowMs() };
}

/** Plays a run: the answers in order, each after a merge; keeps what the site sent. */
async function play(answers: readonly Exchanged[], first: Next) {
  const sent: Done[] = [];
  const lines: string[] = [];
  const exchange: ExchangePort = {
    first: async () => first,
    async exchange(done) {
      sent.push(done);
      await new Promise((merged) => setTimeout(merged, MERGE_MS));
      return answers[sent.length - 1]!;
    },
    moments: async () => undefined,
  };
  await takePart({
    exchange,
    executor,
    textOf: ownText,
    log: (line) => lines.push(line),
    stopped: () => false,
  });
  const carried = lines.flatMap((line) => /trained on for (\d+) steps/.exec(line)?.[1] ?? []);
  return { results: sent.map((done) => done.result), carried: carried.map(Number) };
}

/** The seeds of the two permutations of the windows. */
const ASSIGNED = 1;
const CARRIED = 1 + 0x5eed;

/** The same arithmetic in one piece, with the windows of this permutation from the first on. */
async function stretch(
  on: Trainee,
  next: Next,
  parameters: Float32Array,
  innerSteps: number,
  seed = ASSIGNED,
) {
  const all = [...windowsOfRanges({ windows: 100, seed }, next.assignment.ranges)];
  const result = await on.runStretch({
    ...{ parameters, innerSteps, batch: BATCH, lrStart: RATE, lrEnd: RATE },
    batches: (step) => {
      const batch = Array.from({ length: BATCH }, (_, i) => all[(step * BATCH + i) % all.length]!);
      return fillBatch(train, batch, MODEL.context);
    },
  });
  assert.ok(result.ok);
  return result.value.parameters;
}

test("what a site learned during the merge is added to the next model, only there", async () => {
  const [one, two] = [nextOf(1), nextOf(2)];
  const answers = [
    { accepted: true, next: two },
    { accepted: true, next: undefined },
  ];
  const { results, carried } = await play(answers, one);
  assert.ok(carried[0]! >= 1, "the site did not wait idly");
  const own = new Trainee(executor, MODEL);
  const end = await stretch(own, one, one.model, STEPS);
  assert.deepEqual(results[0]!.parameters, end);
  assert.equal(results[0]!.tokens, STEPS * BATCH * MODEL.context);
  const later = await stretch(own, one, end, carried[0]!, CARRIED);
  const start = two.model.map((value, i) => Math.fround(value + Math.fround(later[i]! - end[i]!)));
  assert.deepEqual(results[1]!.parameters, await stretch(own, two, start, STEPS));
  await own.release();
});

test("an exchange longer than a stretch is trained through, for at most three more", async () => {
  let merged = (): void => {};
  const carried: number[] = [];
  const exchange: ExchangePort = {
    first: async () => nextOf(1),
    // The merge ends only once the site has stopped by itself.
    exchange: () =>
      new Promise((done) => {
        merged = () => done({ accepted: true, next: undefined });
      }),
    moments: async () => undefined,
  };
  await takePart({
    ...{ exchange, executor, textOf: ownText, stopped: () => false },
    log(line) {
      carried.push(Number(/trained on for (\d+) steps/.exec(line)?.[1]));
      merged();
    },
  });
  assert.deepEqual(carried, [3 * STEPS]);
});

test("a refused stretch is as if it had not been", async () => {
  const one = nextOf(1);
  const { results } = await play(
    [
      { accepted: false, next: one },
      { accepted: true, next: undefined },
    ],
    one,
  );
  assert.deepEqual(results[1]!.parameters, results[0]!.parameters);
});

test("a site that sat out a round starts from the pool's model alone", async () => {
  const [one, three] = [nextOf(1), nextOf(3, { learningRateEnd: 0 })];
  const answers = [
    { accepted: true, next: three },
    { accepted: true, next: undefined },
  ];
  const { results, carried } = await play(answers, one);
  assert.equal(carried.length, 1, "a rate of zero leaves nothing to train on for");
  const own = new Trainee(executor, MODEL);
  const end = await stretch(own, one, one.model, STEPS);
  await stretch(own, one, end, carried[0]!, CARRIED);
  const result = await own.runStretch({
    ...{ parameters: three.model, innerSteps: STEPS, batch: BATCH, lrStart: RATE, lrEnd: 0 },
    batches: (step) => {
      const { ranges } = three.assignment;
      const all = [...windowsOfRanges({ windows: 100, seed: 1 }, ranges)];
      return fillBatch(train, all.slice(step * BATCH, (step + 1) * BATCH), MODEL.context);
    },
  });
  assert.ok(result.ok);
  assert.deepEqual(results[1]!.parameters, result.value.parameters);
  await own.release();
});

test("a run in trained tokens trains on them, and not on a text that differs", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-site-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "text.txt");
  writeFileSync(path, "We the people of the union, and the states. ".repeat(300));
  const loaded = await loadCorpus(path);
  assert.ok(loaded.ok);
  const own = tokenised(loaded.value, "bpe-280", { context: MODEL.context, sites: 1 });
  assert.ok(own.ok);
  const windows = windowsOf(own.value.corpus.parts.train, MODEL.context);
  const model = { ...MODEL, vocab: 280 };
  const run = { model, corpus: path, tokenizer: "bpe-280", windows, learningRateEnd: 0 };
  const first = { ...nextOf(1, run), model: initialParameters(model, 1) };
  const { results } = await play([{ accepted: true, next: undefined }], first);
  // The same start, windows and rates, but ids that this test picks itself.
  const all = [...windowsOfRanges({ windows, seed: 1 }, first.assignment.ranges)];
  const trainee = new Trainee(executor, model);
  const wanted = await trainee.runStretch({
    ...{ parameters: first.model, innerSteps: STEPS, batch: BATCH, lrStart: RATE, lrEnd: 0 },
    batches: (step) => {
      const at = all.slice(step * BATCH, (step + 1) * BATCH);
      return fillBatch(own.value.corpus.parts.train, at, MODEL.context);
    },
  });
  assert.ok(wanted.ok);
  assert.deepEqual(results[0]!.parameters, wanted.value.parameters);
  await trainee.release();
  const other = nextOf(1, { ...run, windows: windows + 1 });
  await assert.rejects(play([], { ...other, model: first.model }), /not the one that the pool/);
});
