// Proves that a merge from coded blobs, window by window and on any number of threads, is bit for
// bit the one of core/training over decoded vectors, and what is refused of a blob.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RunSpec } from "@tequio/core/pool";
import {
  type AggregateEntry,
  aggregate,
  type ClosingEntry,
  CODECS,
  decode,
  encode,
  norm,
  normOfSquares,
  type RoundClosing,
} from "@tequio/core/training";
import type { Store } from "@tequio/stores";
import { openMemoryStore } from "@tequio/stores/memory";
import fc from "fast-check";
import { good } from "../testing/setup.ts";
import { Fold } from "./kernels/fold.ts";
import { type Lanes, ownLane, threadLanes } from "./lanes.ts";
import { weigh } from "./weigh.ts";

const SPEC = {} as RunSpec;
const SETTINGS = { eta: 0.7, mu: 0.8 };
let threads: Lanes;
before(() => {
  threads = threadLanes(2);
});
after(() => threads.close());

/** A vector by a seed, with blocks of very different sizes. */
const vector = (length: number, seed: number): Float32Array =>
  Float32Array.from(
    { length },
    (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 2 ** -((i >> 8) % 23),
  );

/** A loss that every change of a value changes: bits decide, not sizes. */
const lossOf = (parameters: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < parameters.length; i += 7) sum += Math.abs(parameters[i]!);
  return sum / parameters.length;
};

interface Story {
  readonly closing: RoundClosing;
  readonly decoded: readonly AggregateEntry[];
  readonly length: number;
}

async function story(store: Store, length: number, codecs: readonly number[]): Promise<Story> {
  const contributions: ClosingEntry[] = [];
  const decoded: AggregateEntry[] = [];
  for (const [i, id] of codecs.entries()) {
    const codec = CODECS[id % CODECS.length]!;
    const bytes = encode(codec, vector(length, id + i / 3));
    const { digest } = good(await store.blobs.put(bytes));
    const siteId = `s${(i * 7) % codecs.length}-${i}`;
    const base = { contributionId: `${siteId}@1`, siteId, weight: i % 4 === 3 ? 0 : 64 + i };
    contributions.push({
      ...{ ...base, round: 1, blob: digest, bytes: bytes.length, codec },
      ...{ tokens: 64, staleness: 0 },
    });
    decoded.push({ ...base, delta: good(decode(bytes)) });
  }
  const closing: RoundClosing = {
    ...{ type: "round.closing", atMs: 0, round: 1, warmUp: false, attempt: 1, reason: "ready" },
    ...{ outer: SETTINGS, thresholdNats: 0.02, codecDown: "int8", contributions },
  };
  return { closing, decoded, length };
}

function plainly({ decoded, length, closing }: Story) {
  const state = { model: vector(length, 0.5), momentum: vector(length, 0.25) };
  const work = aggregate({ ...closing, state, settings: SETTINGS, entries: decoded });
  let asked = work.next();
  while (asked.done !== true) asked = work.next(lossOf(asked.value));
  return asked.value;
}

async function weighed(store: Store, { closing, length }: Story, lanes: Lanes, bytes: number) {
  const state = { exact: vector(length, 0.5), momentum: vector(length, 0.25) };
  const trainer = {
    gateLoss: (_: RunSpec, __: number, p: Float32Array) => {
      return Promise.resolve(lossOf(p));
    },
  };
  const tools = { blobs: store.blobs, trainer, lanes, windowBytes: bytes };
  return { rows: await weigh(tools, SPEC, closing, state), ...state };
}

test("merged from coded windows on any lanes the model is the one of decoded vectors", async () => {
  const lengths = fc.oneof(
    fc.integer({ min: 1, max: 900 }),
    fc.integer({ min: 4_090, max: 9_000 }),
  );
  const codecs = fc.array(fc.nat(CODECS.length - 1), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(lengths, codecs, fc.constantFrom(1, 4e5), async (length, some, bytes) => {
      const store = good(await openMemoryStore());
      const told = await story(store, length, some);
      const wanted = plainly(told);
      for (const lanes of [ownLane(), threads]) {
        const found = await weighed(store, told, lanes, bytes);
        assert.deepEqual(found.rows, wanted.rows);
        assert.deepEqual(found.exact, wanted.model);
        assert.deepEqual(found.momentum, wanted.momentum);
      }
    }),
    { numRuns: 40 },
  );
});

test("a vector of many segments gives the same bits in one window and in many", async () => {
  const store = good(await openMemoryStore());
  const told = await story(store, 200_001, [0, 2, 3, 4, 5, 3]);
  const wanted = plainly(told);
  assert.ok(wanted.rows.some((row) => row.verdict === "passed"));
  for (const [lanes, bytes] of [[ownLane(), 1] as const, [threads, 3e6] as const]) {
    const found = await weighed(store, told, lanes, bytes);
    assert.deepEqual(found.rows, wanted.rows);
    assert.deepEqual(found.exact, wanted.model);
  }
});

test("the squares of codes are those of decoded values, and no code passes that cannot be", () => {
  const fold = new Fold();
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6_000 }),
      fc.constantFrom(...CODECS),
      fc.integer({ min: -60, max: 60 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      (length, codec, power, damage) => {
        const bytes = encode(
          codec,
          vector(length, power).map((value) => value * 2 ** power),
        );
        for (const [at, byte] of damage) bytes[12 + (at % (bytes.length - 12))] = byte;
        const plain = decode(bytes);
        const squares = fold.squares(bytes);
        if (plain.ok) assert.equal(normOfSquares(squares as number[]), norm(plain.value));
        else assert.equal(typeof squares, "string", `${codec}: ${plain.message}`);
      },
    ),
    { numRuns: 300 },
  );
});

test("a blob that is truncated, doubled, of another version or shape is refused", async () => {
  const store = good(await openMemoryStore());
  const { closing } = await story(store, 600, [3, 3]);
  const sound = encode("int4", vector(600, 1));
  const bad: readonly (readonly [string, Uint8Array])[] = [
    ["CODEC_TRUNCATED", sound.subarray(0, -3)],
    ["CODEC_TRUNCATED", new Uint8Array(0)],
    ["CODEC_TOO_LONG", Uint8Array.from([...sound, ...sound])],
    ["CODEC_VERSION", sound.with(4, 2)],
    ["CODEC_UNKNOWN", sound.with(5, 99)],
    ["CODEC_UNKNOWN", encode("topk64", vector(600, 1)).with(6, 8)],
    ["CODEC_INVALID", sound.with(40, 0x88)],
    ["700 values", encode("int4", vector(700, 1))],
  ];
  for (const [words, bytes] of bad) {
    const { digest } = good(await store.blobs.put(bytes));
    const contributions = [
      { ...closing.contributions[0]!, blob: digest, bytes: 5_000 },
      closing.contributions[1]!,
    ];
    const told = { closing: { ...closing, contributions }, decoded: [], length: 600 };
    const { rows } = await weighed(store, told, ownLane(), 1e6);
    const row = rows.find(({ siteId }) => siteId === contributions[0]!.siteId)!;
    assert.equal(row.verdict, "unreadable", words);
    assert.match(row.reason!, new RegExp(words));
  }
});

test("a lane whose thread is gone rejects what it has and what comes", async () => {
  const lanes = threadLanes(1);
  const message = encode("int4", vector(2_000_000, 1)).slice();
  const having = lanes.run({ kind: "squares", message });
  const rejected = assert.rejects(having, /ended with code/);
  await lanes.close();
  await rejected;
  await assert.rejects(lanes.run({ kind: "squares", message: encode("int4", vector(9, 1)) }));
});
