/** The flat vector: sizes, order, start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkConfig, initialParameters, layoutOf, parameterCount } from "./layout.ts";
import { shuffled } from "./random.ts";

const reference = { vocab: 256, context: 128, width: 128, layers: 4, heads: 4 };
const sizes = fc.record({
  vocab: fc.integer({ min: 1, max: 300 }),
  context: fc.integer({ min: 1, max: 64 }),
  width: fc.integer({ min: 1, max: 64 }),
  layers: fc.integer({ min: 1, max: 5 }),
  heads: fc.constant(1),
});

test("the two reference models have the published numbers of parameters", () => {
  const small = { ...reference, context: 64, width: 64, layers: 2, heads: 2 };
  assert.equal(parameterCount(reference), 837_888);
  assert.equal(parameterCount(small), 119_424);
});

test("the layout covers the flat vector without gap or overlap", () => {
  fc.assert(
    fc.property(sizes, (config) => {
      let end = 0;
      for (const { offset, size, shape } of layoutOf(config)) {
        assert.equal(offset, end);
        assert.equal(
          size,
          shape.reduce((a, b) => a * b, 1),
        );
        end += size;
      }
      assert.equal(end, parameterCount(config));
    }),
    { numRuns: 30 },
  );
});

test("the start depends on the seed alone: matrices normal, gains one, biases zero", () => {
  const start = initialParameters(reference, 1);
  assert.deepEqual(initialParameters(reference, 1), start);
  assert.notDeepEqual(initialParameters(reference, 2), start);
  for (const entry of layoutOf(reference)) {
    const own = start.subarray(entry.offset, entry.offset + entry.size);
    if (entry.start === "ones") assert.ok(own.every((value) => value === 1));
    if (entry.start === "zeros") assert.ok(own.every((value) => value === 0));
    if (entry.start === "normal") {
      const sigma = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / own.length);
      assert.ok(Math.abs(sigma - 0.02) < 0.0005, `${entry.name} has sigma ${sigma}`);
    }
  }
});

test("a model that the graphs cannot be built for is refused", () => {
  assert.equal(checkConfig(reference).ok, true);
  const bad = [
    { ...reference, heads: 3 },
    { ...reference, layers: 0 },
    { ...reference, width: 12.5 },
    { ...reference, vocab: 65_537 },
    { ...reference, width: 65_536 },
  ];
  for (const config of bad) {
    const checked = checkConfig(config);
    assert.equal(!checked.ok && checked.code, "INVALID_REQUEST");
  }
});

test("a shuffled order holds every number once and depends on the seed", () => {
  fc.assert(
    fc.property(fc.nat(500), fc.integer(), (count, seed) => {
      const order = shuffled(count, seed);
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        [...Array(count).keys()],
      );
      assert.deepEqual(shuffled(count, seed), order);
    }),
    { numRuns: 30 },
  );
  assert.notDeepEqual(shuffled(100, 1), shuffled(100, 2));
});
