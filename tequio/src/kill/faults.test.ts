// The plan of faults: the same seed means the same trouble, and never so much of it at one time
// that no site is left.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chanceOf } from "@tequio/core/simulator";
import fc from "fast-check";
import { drawFaults, type FaultPlan, type PlannedFault } from "./faults.ts";

const FAULTS = 200;
const take = (seed: number, plan: FaultPlan): readonly PlannedFault[] => [
  ...drawFaults(chanceOf(seed), plan).take(FAULTS),
];

const plans = fc.record({
  sites: fc.integer({ min: 1, max: 6 }),
  long: fc.boolean(),
  storeKills: fc.boolean(),
});

test("the same seed plans the same faults, another seed others", () => {
  const plan = { sites: 5, long: true, storeKills: false };
  assert.deepEqual(take(7, plan), take(7, plan));
  assert.notDeepEqual(take(7, plan), take(8, plan));
});

test("a site is never hit again before its fault is over, and one at most is gone for long", () => {
  fc.assert(
    fc.property(fc.nat(), plans, (seed, plan) => {
      const until = new Map<number, number>();
      let longUntilMs = 0;
      let lastMs = 0;
      for (const { atMs, fault, long } of take(seed, plan)) {
        assert.ok(atMs > lastMs);
        lastMs = atMs;
        if (long) {
          assert.ok(plan.long && plan.sites > 1 && fault.forMs > 50_000);
          assert.ok(atMs > longUntilMs);
          longUntilMs = atMs + fault.forMs;
        }
        if (!("site" in fault)) continue;
        assert.ok(fault.site < plan.sites);
        assert.ok(atMs > (until.get(fault.site) ?? 0), `${fault.kind} at ${atMs}`);
        if (fault.forMs > 0) until.set(fault.site, atMs + fault.forMs);
      }
    }),
    { numRuns: 50 },
  );
});

test("a database is killed only where there is one, and every other fault comes up", () => {
  const kinds = (storeKills: boolean): ReadonlySet<string> =>
    new Set(take(3, { sites: 5, long: true, storeKills }).map(({ fault }) => fault.kind));
  assert.equal(kinds(true).size, 9);
  assert.equal(kinds(false).size, 8);
  assert.ok(!kinds(false).has("store.kill"));
});
