/** Windows: parts of a message are messages, and steps in windows are the steps of a whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { difference, downlinkStep } from "../downlink.ts";
import { CODECS, decode, decodeWindow, encode, readFields, WINDOW_STEP } from "./index.ts";

const wave = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed + 3.7 * i) * 2 ** -((i >> 8) % 19));

test("the bytes of a window are a message of its own that decodes to its values", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 15_000 }),
      fc.constantFrom(...CODECS),
      fc.nat(3),
      fc.integer({ min: 1, max: 4 }),
      (length, codec, first, steps) => {
        const bytes = encode(codec, wave(length, length));
        const whole = decode(bytes);
        const header = readFields(bytes.subarray(0, 12));
        assert.ok(whole.ok && header.ok);
        const from = Math.min(first, Math.floor((length - 1) / WINDOW_STEP)) * WINDOW_STEP;
        const to = Math.min(length, from + steps * WINDOW_STEP);
        const window = decodeWindow(bytes, header.value, from, to);
        assert.ok(window.ok);
        assert.deepEqual(window.value, whole.value.subarray(from, to));
      },
    ),
  );
});

test("a step coded in windows is the coded difference, and the copy moves by it", () => {
  // More than one window of 2^20 values, which end in the middle of a block.
  const exact = wave(2 ** 20 + 300, 1);
  const copy = wave(exact.length, 2);
  for (const codec of ["fp32", "fp16", "int4"] as const) {
    const step = downlinkStep(codec, exact, copy);
    const bytes = encode(codec, difference(exact, copy));
    assert.ok(Buffer.from(step.bytes).equals(bytes), codec);
    const coded = decode(bytes);
    assert.ok(coded.ok);
    const moved = coded.value.map((value, i) => value + copy[i]!);
    assert.ok(Buffer.from(moved.buffer).equals(new Uint8Array(step.sitesCopy.buffer)), codec);
  }
  assert.deepEqual(copy, wave(exact.length, 2), "the arguments are not changed");
});
