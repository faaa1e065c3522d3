/** Codecs: examples, error bounds, exact mirrors, error feedback, refusals. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { floatFromHalf, halfFromFloat } from "./half.ts";
import {
  CODECS,
  type Codec,
  codedBytes,
  decode,
  encode,
  encodeWithFeedback,
  firstUncodable,
  isCodec,
  readHeader,
} from "./index.ts";

interface Vector {
  readonly name: string;
  readonly codec: Codec;
  readonly values: readonly number[] | "wave" | "chunks";
  readonly hex: string;
}

const file = readFileSync(new URL("./vectors.json", import.meta.url), "utf8");
const { vectors }: { readonly vectors: readonly Vector[] } = JSON.parse(file);
const wave = (length: number, low: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => (((i * 37) % 101) - 50) * (i < low ? 2 ** -10 : 0.03));
const NAMED = { wave: wave(300, 256), chunks: wave(4_196, 4_096) } as const;
const valuesOf = (values: Vector["values"]): Float32Array =>
  typeof values === "string" ? NAMED[values] : Float32Array.from(values);

/** Deltas of all sizes that occur, and blocks that end early. */
const deltas = fc
  .tuple(
    fc.float32Array({
      noNaN: true,
      noDefaultInfinity: true,
      min: -1,
      max: 1,
      maxLength: 600,
      size: "max",
    }),
    fc.integer({ min: -40, max: 20 }),
  )
  .map(([values, power]) => values.map((value) => value * 2 ** power));
const codecs = fc.constantFrom(...CODECS);

function decoded(bytes: Uint8Array): Float32Array {
  const outcome = decode(bytes);
  assert.ok(outcome.ok);
  return outcome.value;
}

for (const { name, codec, values, hex } of vectors) {
  test(`the test vector "${name}" is coded by ${codec} as it is written down`, () => {
    assert.equal(Buffer.from(encode(codec, valuesOf(values))).toString("hex"), hex);
    assert.equal(decoded(Buffer.from(hex, "hex")).length, valuesOf(values).length);
  });
}

test("halves agree with the language's own for every pattern and for random floats", () => {
  const cell = new DataView(new ArrayBuffer(2));
  const own: unknown = Reflect.get(DataView.prototype, "getFloat16");
  const set: unknown = Reflect.get(DataView.prototype, "setFloat16");
  assert.ok(typeof own === "function" && typeof set === "function", "Node 24 has Float16");
  for (let half = 0; half < 65_536; half += 1) {
    cell.setUint16(0, half);
    const value: unknown = own.call(cell, 0);
    assert.ok(Object.is(floatFromHalf(half), value), `half ${half}`);
    if (!Number.isNaN(value)) assert.equal(halfFromFloat(floatFromHalf(half)), half);
  }
  fc.assert(
    fc.property(fc.float({ noNaN: true }), fc.integer({ min: -30, max: 20 }), (float, power) => {
      for (const value of [float, Math.fround(Math.sign(float) * 1.0004883 * 2 ** power)]) {
        set.call(cell, 0, value);
        assert.equal(halfFromFloat(value), cell.getUint16(0));
      }
    }),
  );
});

/** Below it scales are subnormal and lose their bits; no delta is so small. */
const SUBNORMAL = 2 ** -126;

/** Codecs that keep every value. */
const dense = fc.constantFrom(...(["fp32", "fp16", "int8", "int4", "ternary"] as const));

test("a decoded value is off by at most half a level, and a scale by one part in 2,048", () => {
  const levels = { fp32: 0, fp16: 0, int8: 127, int4: 7, ternary: 1 } as const;
  fc.assert(
    fc.property(deltas, dense, (delta, codec) => {
      const back = decoded(encode(codec, delta));
      const all = delta.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (let from = 0; from < delta.length; from += 256) {
        const block = delta.subarray(from, from + 256);
        const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const level = levels[codec] === 0 ? 0 : largest / levels[codec];
        // The last term is the smallest half of the message: blocks below it are lost.
        const bound = level * 0.5 + largest * 2 ** -10 + all * 2 ** -37 + SUBNORMAL;
        block.forEach((value, i) => {
          const error = Math.abs(value - back[from + i]!);
          assert.ok(error <= (codec === "fp32" ? 0 : bound), `${codec} ${value} ${error} ${bound}`);
        });
      }
    }),
  );
});

test("coding is a function of the values alone: the same bytes from any buffer", () => {
  fc.assert(
    fc.property(deltas, codecs, fc.nat(3), (delta, codec, offset) => {
      const shifted = new Float32Array(delta.length + offset);
      shifted.set(delta, offset);
      const bytes = encode(codec, shifted.subarray(offset));
      assert.deepEqual(bytes, encode(codec, delta));
      const inside = new Uint8Array(bytes.length + 7).subarray(offset, offset + bytes.length);
      inside.set(bytes);
      assert.deepEqual(decoded(inside), decoded(bytes));
      assert.equal(bytes.length, codedBytes(codec, delta.length));
    }),
  );
});

test("error feedback with beta 1 loses nothing: what was coded plus the rest is the sum", () => {
  fc.assert(
    fc.property(fc.array(deltas, { minLength: 1, maxLength: 8 }), codecs, (rounds, codec) => {
      const length = Math.min(...rounds.map((delta) => delta.length));
      let residual = new Float32Array(length);
      const sent = new Float64Array(length);
      const given = new Float64Array(length);
      let size = 0;
      for (const round of rounds) {
        const delta = round.slice(0, length);
        const kept = [delta.slice(), residual.slice()];
        const { bytes, residual: next } = encodeWithFeedback(codec, delta, residual, 1);
        assert.deepEqual([delta, residual], kept, "the arguments are not changed");
        decoded(bytes).forEach((value, i) => {
          sent[i]! += value;
          given[i]! += delta[i]!;
          size = Math.max(size, Math.abs(value), Math.abs(delta[i]!), Math.abs(next[i]!));
        });
        residual = new Float32Array(next);
      }
      // Each round adds two fp32 roundings of numbers not above 2 x size.
      const slack = rounds.length * size * 2 ** -21;
      sent.forEach((value, i) => {
        assert.ok(Math.abs(value + residual[i]! - given[i]!) <= slack);
      });
    }),
  );
});

test("a ternary value stays back until its error has grown to the threshold", () => {
  const delta = Float32Array.from([1, 0.2]);
  let residual = new Float32Array(2);
  const second: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const step = encodeWithFeedback("ternary", delta, residual, 1, new Float32Array(2));
    second.push(decoded(step.bytes)[1]!);
    residual = new Float32Array(step.residual);
  }
  assert.deepEqual(second, [0, 0, 1, 0, 0]);
  const forgetful = encodeWithFeedback("ternary", delta, Float32Array.from([0, 0.8]), 0);
  assert.equal(decoded(forgetful.bytes)[1], 0, "beta 0 drops what was left");
});

test("a vector with values that are not finite is refused by the coder", () => {
  for (const bad of [Number.NaN, Infinity, -Infinity, 2 ** 121]) {
    const vector = Float32Array.from([1, bad]);
    assert.equal(firstUncodable(vector), 1);
    for (const codec of CODECS) assert.throws(() => encode(codec, vector), /finite/);
  }
  assert.equal(firstUncodable(Float32Array.from([1, -3e30])), -1);
});

test("damaged messages are refused with a code, whatever was damaged", () => {
  type Damage = readonly [string, string, (bytes: Uint8Array) => Uint8Array];
  const damage: readonly Damage[] = [
    ["CODEC_INVALID", "start", (bytes) => bytes.with(0, 0)],
    ["CODEC_VERSION", "version", (bytes) => bytes.with(4, 2)],
    ["CODEC_UNKNOWN", "Codec 9", (bytes) => bytes.with(5, 9)],
    ["CODEC_UNKNOWN", "Blocks", (bytes) => bytes.with(6, 9)],
    ["CODEC_INVALID", "exponent", (bytes) => bytes.with(7, 0x80)],
    ["CODEC_TRUNCATED", "take", (bytes) => bytes.with(8, bytes[8]! + 8)],
    ["CODEC_TOO_LONG", "take", (bytes) => bytes.with(8, bytes[8]! - 8)],
    ["CODEC_INVALID", "limit", (bytes) => bytes.with(11, 0xff)],
    ["CODEC_TRUNCATED", "take", (bytes) => bytes.slice(0, -1)],
    ["CODEC_TOO_LONG", "take", (bytes) => Uint8Array.from([...bytes, ...bytes])],
    ["CODEC_TRUNCATED", "header is cut", (bytes) => bytes.slice(0, 11)],
  ];
  for (const codec of CODECS) {
    const good = encode(codec, NAMED.wave.subarray(0, 50));
    for (const [code, words, change] of damage) {
      const outcome = decode(change(good));
      assert.ok(!outcome.ok);
      assert.equal(outcome.code, code, `${codec} ${words}`);
      assert.match(outcome.message, new RegExp(words), codec);
    }
  }
});

test("scales, codes and spare bits that no coder writes are refused", () => {
  const vector = Float32Array.from([1, -1, 1, 1, -1]);
  const refused: readonly [Codec, number, number, string][] = [
    ["fp32", 15, 0x7f, "not finite"],
    ["fp16", 13, 0x7c, "not finite"],
    ["int8", 13, 0x7c, "not finite"],
    ["int8", 13, 0x80, "negative"],
    ["int8", 14, 0x80, "does not occur"],
    ["int4", 14, 0x18, "does not occur"],
    ["int4", 16, 0x11, "Unused bits"],
    ["ternary", 14, 0x02, "does not occur"],
    ["ternary", 15, 0x04, "Unused bits"],
  ];
  for (const [codec, at, byte, words] of refused) {
    const good = encode(codec, vector);
    const bytes = codec === "fp32" ? good.with(14, 0x80).with(15, 0x7f) : good.with(at, byte);
    const outcome = decode(bytes);
    assert.ok(!outcome.ok, `${codec} byte ${at}`);
    assert.match(outcome.message, new RegExp(words));
  }
});

test("random bytes never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), codecs, (noise, codec) => {
      const bytes = encode(codec, Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
      noise.forEach((byte, i) => {
        if (i % 3 === 0) bytes[(byte + i) % bytes.length] = noise.at(-1 - i)!;
      });
      assert.equal(typeof decode(bytes).ok, "boolean");
      assert.equal(typeof decode(noise).ok, "boolean");
    }),
  );
});

test("a header tells codec and count without decoding", () => {
  const header = readHeader(encode("int4", new Float32Array(7)));
  assert.deepEqual(header, { ok: true, value: { codec: "int4", count: 7, exponent: 0 } });
  assert.ok(isCodec("ternary") && !isCodec("top-k"));
  assert.deepEqual(
    CODECS.map((codec) => codedBytes(codec, 1_000)),
    [4_012, 2_012, 1_020, 520, 270, 128, 464, 912, 151],
  );
});
