// Proves the buckets: what is promised is given, never more, and memory is bounded.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenBuckets } from "./token-bucket.ts";

const RATE = { perS: 10, burst: 20 };

test("what may come at once comes, the next has to wait as long as is said", () => {
  const buckets = new TokenBuckets(10);
  for (let i = 0; i < 20; i += 1) assert.equal(buckets.spend("a", RATE, 1, 0), 0);
  assert.equal(buckets.spend("a", RATE, 1, 0), 100);
  assert.equal(buckets.spend("b", RATE, 1, 0), 0);
  assert.ok(buckets.spend("a", RATE, 1, 99) > 0);
  assert.equal(buckets.spend("a", RATE, 1, 100), 0);
});

test("over any time nobody gets more than the burst and the rate", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(gaps, (list) => {
      const buckets = new TokenBuckets(10);
      let nowMs = 0;
      let taken = 0;
      for (const gap of list) {
        nowMs += gap;
        if (buckets.spend("a", RATE, 1, nowMs) === 0) taken += 1;
        assert.ok(taken <= RATE.burst + (nowMs * RATE.perS) / 1_000 + 1e-6);
      }
    }),
  );
});

test("keys are bounded: the one that was not used for longest is forgotten", () => {
  const buckets = new TokenBuckets(2);
  for (let i = 0; i < 20; i += 1) buckets.spend("a", RATE, 1, 0);
  buckets.spend("b", RATE, 1, 0);
  assert.ok(buckets.spend("a", RATE, 1, 0) > 0);
  buckets.spend("c", RATE, 1, 0);
  assert.equal(buckets.size, 2);
  assert.ok(buckets.spend("a", RATE, 1, 0) > 0, "a was used after b, so b was forgotten");
});
