/** Ternary1: what is written and what stays back, against a slow coder made from the format. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codedBytes, decode, encode, encodeWithFeedback } from "./index.ts";

const CHUNK = 4_096;
const BLOCK = 256;
const HEADER = 12;
const roomOf = (size: number): number => 8 * Math.ceil((526 * size) / CHUNK);

function decoded(bytes: Uint8Array): Float32Array {
  const outcome = decode(bytes);
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.message);
  return outcome.value;
}

/** Vectors of up to three chunks, from nearly empty ones to such as are all of one size. */
const vectors = fc
  .record({
    length: fc.oneof(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 4_090, max: 9_000 })),
    seed: fc.integer({ min: 1, max: 1e6 }),
    power: fc.constantFrom(0, 1, 3, 9),
    scale: fc.integer({ min: -60, max: 60 }),
  })
  .map(({ length, seed, power, scale }) =>
    Float32Array.from({ length }, (_, i) => {
      const wave = Math.sin(seed * (i + 1));
      return Math.sign(wave) * Math.abs(wave) ** power * 2 ** scale;
    }),
  );

/** The bits of a chunk by the format, as text: the values of `signs` that are not 0. */
function bitsOf(signs: readonly number[]): string {
  let bits = "";
  let gap = 0;
  for (const sign of signs) {
    if (sign === 0) {
      gap += 1;
      continue;
    }
    bits += `${"1".repeat(gap >> 2)}0${gap & 1}${(gap >> 1) & 1}${sign < 0 ? 1 : 0}`;
    gap = 0;
  }
  return bits;
}

/** How many those are. */
function lengthOf(signs: Int8Array): number {
  let bits = 0;
  let gap = 0;
  for (const sign of signs) {
    if (sign !== 0) bits += 4 + Math.floor(gap / 4);
    gap = sign === 0 ? gap + 1 : 0;
  }
  return bits;
}

/** Signs of a chunk by the format, one value after another put where it fits. */
function slowly(ternary: Float32Array, ratios: readonly number[]): readonly number[] {
  const room = roomOf(ternary.length);
  const ranked = Array.from(ternary, (value, place) => ({ value, place }))
    .filter(({ value }) => value !== 0)
    .sort((a, b) => ratios[b.place]! - ratios[a.place]! || a.place - b.place);
  const signs = new Int8Array(ternary.length);
  for (const { value, place } of ranked) {
    signs[place] = Math.sign(value);
    if (lengthOf(signs) <= room) continue;
    signs[place] = 0;
    break;
  }
  return Array.from(signs);
}

test("ternary1 writes what ternary does, as far as it fits, the largest first", () => {
  fc.assert(
    fc.property(vectors, (vector) => {
      const bytes = encode("ternary1", vector);
      assert.equal(bytes.length, codedBytes("ternary1", vector.length));
      const whole = decoded(encode("ternary", vector));
      const scaleAt = (block: number) =>
        whole
          .subarray(block * BLOCK, (block + 1) * BLOCK)
          .reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const scales = Array.from({ length: Math.ceil(vector.length / BLOCK) }, (_, i) => scaleAt(i));
      let at = HEADER + 2 * scales.length;
      const back = decoded(bytes);
      for (let from = 0; from < vector.length; from += CHUNK) {
        const ternary = whole.subarray(from, from + CHUNK);
        const ratios = Array.from(ternary, (_, i) =>
          Math.abs(Math.fround(vector[from + i]! / scales[Math.floor((from + i) / BLOCK)]!)),
        );
        const signs = slowly(ternary, ratios);
        const wanted = bitsOf(signs);
        assert.equal(bytes[at]! | (bytes[at + 1]! << 8), signs.filter((sign) => sign !== 0).length);
        at += 2;
        const room = roomOf(ternary.length) / 8;
        const found = Array.from(bytes.subarray(at, at + room), (byte) =>
          byte.toString(2).padStart(8, "0").split("").reverse().join(""),
        ).join("");
        assert.equal(found, wanted.padEnd(8 * room, "0"));
        at += room;
        const values = signs.map((sign, i) => (sign === 0 ? 0 : ternary[i]!));
        assert.deepEqual(Array.from(back.subarray(from, from + CHUNK)), values);
      }
      assert.equal(at, bytes.length);
    }),
    { numRuns: 15 },
  );
});

test("what does not fit into a chunk comes in the rounds after", () => {
  const delta = Float32Array.from({ length: CHUNK }, (_, i) => (i % 3 === 0 ? -1 : 1));
  let residual = new Float32Array(CHUNK);
  const sent = new Float64Array(CHUNK);
  let first = 0;
  for (let round = 0; round < 6; round += 1) {
    const given = round === 0 ? delta : new Float32Array(CHUNK);
    const coded = encodeWithFeedback("ternary1", given, residual);
    decoded(coded.bytes).forEach((value, i) => {
      sent[i]! += value;
      if (round === 0 && value !== 0) first += 1;
    });
    residual = new Float32Array(coded.residual);
  }
  assert.equal(first, 526 * 2, "four bits each, as no value lies between");
  assert.deepEqual(Array.from(sent), Array.from(delta));
});

test("chunks that no coder of ternary1 writes are refused", () => {
  const good = encode(
    "ternary1",
    Float32Array.from({ length: 300 }, (_, i) => (i < 256 ? -1 : 0)),
  );
  assert.ok(decode(good).ok);
  const codes = HEADER + 4 + 2;
  const refused: readonly [string, Uint8Array][] = [
    ["a count beyond the values", good.with(codes - 2, 255).with(codes - 1, 255)],
    ["a count that leaves bits over", good.with(codes - 2, 1)],
    ["a gap beyond the chunk", good.fill(255, codes)],
    ["a value in a block of zeros", good.with(HEADER, 0).with(HEADER + 1, 0)],
  ];
  for (const [what, bytes] of refused) {
    const outcome = decode(bytes);
    assert.ok(!outcome.ok && outcome.code === "CODEC_INVALID", what);
  }
});
