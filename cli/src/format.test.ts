// Numbers as people read them.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { bytes, clock, cores, credits, memory, relative, span } from "./format.ts";

test("a span is named in its largest units; rounding carries over to the next one", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "now"],
    [999, "now"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [3_599_999, "59 min"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
    [86_400_000, "1 d"],
    [86_399_999, "1 d"],
    [97_200_000, "1 d 3 h"],
    [604_799_000, "7 d"],
  ];
  for (const [ms, text] of cases) assert.equal(span(ms), text);
});

test("the past is ago and the future is in", () => {
  assert.equal(relative(1_000, 61_000), "1 min ago");
  assert.equal(relative(61_000, 1_000), "in 1 min");
  assert.equal(relative(1_000, 1_400), "now");
});

test("device time is h:mm:ss and reads back as the whole seconds it had", () => {
  fc.assert(
    fc.property(fc.nat(4_000_000_000), (ms) => {
      const [h, m, s] = clock(ms).split(":").map(Number);
      assert.match(clock(ms), /^\d+:[0-5]\d:[0-5]\d$/);
      assert.equal(h! * 3_600 + m! * 60 + s!, Math.floor(ms / 1_000));
    }),
  );
});

test("bytes keep one decimal and never show a thousand of a unit", () => {
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(2_500_000), "2.5 MB");
  assert.equal(bytes(999_960), "1.0 MB");
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 15 }), (value) => {
      assert.ok(Number.parseFloat(bytes(value)) < 1_000, bytes(value));
    }),
  );
});

test("credits round to three decimals and keep their sign", () => {
  assert.equal(credits(1_234_567), "1.235");
  assert.equal(credits(999_999), "1.000");
  assert.equal(credits(-500), "-0.001");
  assert.equal(credits(1_234_567_000_000), "1,234,567.000");
});

test("memory and cores drop what is not needed", () => {
  assert.equal(memory(512), "512 MiB");
  assert.equal(memory(24_576), "24 GiB");
  assert.equal(memory(1_536), "1.5 GiB");
  assert.equal(cores(2_000), "2");
  assert.equal(cores(125), "0.13");
});
