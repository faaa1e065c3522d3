/** Data assignment: the permutation is one, and no window is lost or doubled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  newPool,
  returnWindows,
  splitRanges,
  takeWindows,
  type WindowPool,
  type WindowRange,
  windowCount,
  windowsOf,
} from "./assignment.ts";
import { permute, WINDOWS_MAX } from "./permutation.ts";

test("the permutation is a bijection for every size, seed and pass", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 900 }), fc.integer(), fc.nat(9), (size, seed, pass) => {
      const places = Array.from({ length: size }, (_, i) => permute(seed, pass, size, i));
      assert.deepEqual(
        places.toSorted((a, b) => a - b),
        Array.from({ length: size }, (_, i) => i),
      );
    }),
    { numRuns: 60 },
  );
});

test("the permutation is the same everywhere, differs by pass, and mixes neighbours", () => {
  const first = (pass: number) => Array.from({ length: 8 }, (_, i) => permute(7, pass, 79_770, i));
  assert.deepEqual(first(0), [39375, 34908, 21014, 49331, 32882, 17863, 55343, 25132]);
  assert.notDeepEqual(first(1), first(0));
  const far = Array.from({ length: 1_000 }, (_, i) =>
    Math.abs(permute(7, 0, 79_770, i) - permute(7, 0, 79_770, i + 1)),
  ).filter((distance) => distance > 1_000).length;
  assert.ok(far > 900, `${far} of 1,000 neighbours lie far apart`);
  assert.ok(permute(1, 0, WINDOWS_MAX, WINDOWS_MAX - 1) < WINDOWS_MAX);
  assert.throws(() => permute(1, 0, 10, 10));
});

test("under random churn each window counts exactly once per pass", () => {
  const moves = fc.array(fc.record({ count: fc.integer({ min: 1, max: 40 }), kept: fc.nat(40) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(moves, fc.integer({ min: 1, max: 50 }), fc.boolean(), (churn, windows, restart) => {
      let pool: WindowPool = newPool(windows, 3);
      const done = new Set<string>();
      const out: (readonly WindowRange[])[] = [];
      const settle = (kept: number) => {
        const ranges = out.shift();
        if (ranges === undefined) return;
        const [trained, lost] = splitRanges(ranges, kept);
        for (const { pass, from, to } of trained) {
          for (let at = from; at < to; at += 1) {
            assert.ok(!done.has(`${pass}:${at}`), "no window is trained twice in a pass");
            done.add(`${pass}:${at}`);
          }
        }
        pool = returnWindows(pool, lost);
        if (restart) pool = JSON.parse(JSON.stringify(pool));
      };
      for (const { count, kept } of churn) {
        const taken = takeWindows(pool, count);
        assert.equal(windowCount(taken.ranges), count);
        pool = taken.pool;
        out.push(taken.ranges);
        if (kept % 3 === 0) settle(kept);
      }
      while (out.length > 0) settle(Number.MAX_SAFE_INTEGER);
      const rest = takeWindows(pool, windowCount(pool.returned));
      out.push(rest.ranges);
      settle(Number.MAX_SAFE_INTEGER);
      assert.equal(done.size, pool.pass * windows + pool.next, "nothing is left out");
    }),
  );
});

test("a range given back twice, or never taken apart, stops the process", () => {
  const { ranges, pool } = takeWindows(newPool(10, 1), 4);
  const back = returnWindows(pool, ranges);
  assert.deepEqual(back.returned, [{ pass: 0, from: 0, to: 4 }]);
  assert.throws(() => returnWindows(back, ranges), /twice/);
});

test("two sites that hold neighbouring ranges see different text", () => {
  const first = takeWindows(newPool(100, 5), 30);
  const second = takeWindows(first.pool, 30);
  const seen = new Set([
    ...windowsOf(first.pool, first.ranges),
    ...windowsOf(first.pool, second.ranges),
  ]);
  assert.equal(seen.size, 60);
});
