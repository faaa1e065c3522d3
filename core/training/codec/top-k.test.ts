/** Top-k: what is kept and as what, against a slow coder written from the specification. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { closing } from "../round/merge.ts";
import type { Contribution } from "../round/state.ts";
import { config } from "../round/stories.testing.ts";
import { createRun } from "../round.ts";
import { type Codec, codedBytes, decode, encode, encodeWithFeedback } from "./index.ts";

const KEPT = { topk64: 64, topk256: 256, topk512: 512 } as const;
const codecs = fc.constantFrom(...(["topk64", "topk256", "topk512"] as const));
const CHUNK = 4_096;

function decoded(bytes: Uint8Array): Float32Array {
  const outcome = decode(bytes);
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.message);
  return outcome.value;
}

/** Vectors of up to three chunks, many of whose values are equal or zero. */
const vectors = fc
  .record({
    length: fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 4_090, max: 9_000 })),
    seed: fc.integer({ min: 1, max: 1e6 }),
    coarse: fc.constantFrom(1e-30, 0.25, 1 / 3),
    power: fc.integer({ min: -60, max: 60 }),
  })
  .map(({ length, seed, coarse, power }) =>
    Float32Array.from({ length }, (_, i) => {
      const value = Math.sin(seed * (i + 1)) ** 3;
      return Math.trunc(value / coarse) * coarse * 2 ** power;
    }),
  );

/** Places kept and their decoded size before halves: steps 1 and 2 of the specification. */
function slowly(chunk: Float32Array, k: number): Map<number, number> {
  const order = Array.from(chunk, (value, place) => ({ size: Math.abs(value), value, place }));
  const kept = order.toSorted((a, b) => b.size - a.size || a.place - b.place).slice(0, k);
  kept.sort((a, b) => a.place - b.place);
  const mean = (sizes: readonly number[]) =>
    sizes.length === 0 ? 0 : Math.fround(sizes.reduce((sum, size) => sum + size, 0) / sizes.length);
  const t = mean(kept.map(({ size }) => size));
  const low = mean(kept.filter(({ size }) => size < t).map(({ size }) => size));
  const high = mean(kept.filter(({ size }) => size >= t).map(({ size }) => size));
  return new Map(
    kept.map(({ size, value, place }) => [place, (size >= t ? high : low) * (value < 0 ? -1 : 1)]),
  );
}

test("top-k keeps the values of the specification, each within a half's rounding", () => {
  fc.assert(
    fc.property(vectors, codecs, (vector, codec) => {
      const bytes = encode(codec, vector);
      assert.equal(bytes.length, codedBytes(codec, vector.length));
      const back = decoded(bytes);
      const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (let from = 0; from < vector.length; from += CHUNK) {
        const chunk = vector.subarray(from, from + CHUNK);
        const wanted = slowly(chunk, KEPT[codec]);
        for (let i = 0; i < chunk.length; i += 1) {
          const value = wanted.get(i) ?? 0;
          const error = Math.abs(back[from + i]! - value);
          const bound = Math.abs(value) * 2 ** -11 + largest * 2 ** -37;
          assert.ok(error <= bound, `${codec} place ${from + i}: ${back[from + i]} for ${value}`);
          assert.ok(!Object.is(back[from + i], -0), "-0 does not occur");
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a message of top-k costs 14 bits a kept value and 4 bytes a chunk", () => {
  for (const [codec, k] of Object.entries(KEPT)) {
    assert.equal(codedBytes(codec as Codec, 10 * CHUNK), 12 + 10 * ((14 * k) / 8 + 4));
  }
});

test("of equal values the first places are kept, and a vector of zeros stays one", () => {
  const back = decoded(encode("topk64", new Float32Array(200).fill(-0.5)));
  assert.deepEqual(
    [back[0], back[63], back[64], back.filter((value) => value !== 0).length],
    [-0.5, -0.5, 0, 64],
  );
  assert.deepEqual(decoded(encode("topk256", new Float32Array(5_000))), new Float32Array(5_000));
});

test("feedback of top-k forgets a twentieth a round and keeps what was not sent", () => {
  const delta = new Float32Array(CHUNK).fill(0.001).fill(1, 0, 64);
  const first = encodeWithFeedback("topk64", delta, new Float32Array(CHUNK));
  assert.equal(first.residual[0], 0, "what was sent exactly leaves nothing");
  assert.equal(first.residual[100], Math.fround(0.001));
  const second = encodeWithFeedback("topk64", new Float32Array(CHUNK), first.residual);
  const forgotten = Math.fround(0.95 * Math.fround(0.001));
  assert.equal(second.residual[200], forgotten);
});

test("places, codes, levels and spare bits that no coder writes are refused", () => {
  // 70 values of which 64 are kept, so the places take 12 + 4 to 12 + 4 + 96.
  const good = encode(
    "topk64",
    Float32Array.from({ length: 70 }, (_, i) => (i % 2 ? -1 : 0.5)),
  );
  const three = encode("topk64", Float32Array.from([1, 2, 3]));
  const refused: readonly [string, Uint8Array, string][] = [
    ["a place twice", good.with(17, good[17]! & 15).with(18, 0), "Place 1 does"],
    ["a place past the end", good.with(12 + 4 + 95, 0x04).with(12 + 4 + 94, 0x60), "Place 63"],
    ["levels out of order", good.with(13, 0x7b), "out of order"],
    ["a level that is not finite", good.with(15, 0x7c), "not finite"],
    ["a negative level", good.with(15, 0xc0), "negative"],
    ["spare bits of the places", three.with(20, three[20]! | 0x80), "Unused"],
    ["spare bits of the codes", three.with(21, three[21]! | 0x80), "Unused"],
  ];
  for (const [name, bytes, words] of refused) {
    const outcome = decode(bytes);
    assert.ok(!outcome.ok, name);
    assert.equal(outcome.code, "CODEC_INVALID");
    assert.match(outcome.message, new RegExp(words), name);
  }
  const zero = encode("topk64", new Float32Array(64));
  const signed = decode(zero.with(zero.length - 1, 0x80));
  assert.ok(!signed.ok && /does not occur/.test(signed.message), "-0 is not a value");
});

test("a round mostly of top-k steps by 0.4 without momentum, any other as before", () => {
  const state = { ...createRun(config, 0), innerSteps: 30 };
  const one = { contributionId: "a@1", siteId: "a", round: 1, blob: "b", bytes: 1 };
  const part = (codec: Codec, tokens: number) => ({ ...one, codec, tokens }) as Contribution;
  const outer = (contributions: readonly Contribution[]) =>
    closing(state, 0, { warmUp: false, attempt: 1, reason: "", contributions }).outer;
  assert.deepEqual(outer([part("topk64", 60), part("int8", 50)]), { eta: 0.4, mu: 0 });
  assert.notDeepEqual(outer([part("topk64", 50), part("int8", 50)]), { eta: 0.4, mu: 0 });
});
