// Tests of what owners get back for what their machines served.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { creditsOf, type OwnerAccount } from "./credit.ts";

const used = (sums: Record<string, number>) => new Map(Object.entries(sums));

test("an owner's projects share its credit by what they used, and no more than that", () => {
  const owners = [{ projects: ["a", "b"], servedMs: 20 }];
  assert.deepEqual(
    [...creditsOf(owners, used({ a: 30, b: 10, c: 99 }))],
    [
      ["a", 15],
      ["b", 5],
    ],
  );
  assert.deepEqual(
    [...creditsOf(owners, used({ a: 3, b: 1 }))],
    [
      ["a", 3],
      ["b", 1],
    ],
  );
  assert.equal(creditsOf(owners, used({})).size, 0);
});

test("use of one's own machines cancels out: what counts is the balance with the others", () => {
  // 50 on its own machines and 30 elsewhere; others used 10 of its machines.
  const [own, elsewhere, lent] = [50, 30, 10];
  const credits = creditsOf(
    [{ projects: ["a"], servedMs: own + lent }],
    used({ a: own + elsewhere }),
  );
  assert.equal(own + elsewhere - credits.get("a")!, elsewhere - lent);
});

test("credits never exceed use or service, and more service is never less credit", () => {
  const projects = ["a", "b", "c"];
  const owner = fc.record({
    projects: fc.subarray(projects),
    servedMs: fc.integer({ min: 0, max: 1_000 }),
  });
  const sums = fc.tuple(...projects.map(() => fc.integer({ min: 0, max: 1_000 })));
  const check = fc.property(
    fc.array(owner, { maxLength: 3 }),
    sums,
    fc.nat(500),
    (all, each, more) => {
      const before = new Map(projects.map((name, i) => [name, each[i]!]));
      const total = (owners: readonly OwnerAccount[]): number =>
        [...creditsOf(owners, before).values()].reduce((sum, ms) => sum + ms, 0);
      for (const [name, credit] of creditsOf(all, before)) {
        assert.ok(credit >= 0 && credit <= before.get(name)! + 1e-6);
      }
      assert.ok(total(all) <= all.reduce((sum, { servedMs }) => sum + servedMs, 0) + 1e-6);
      const richer = all.map((one, i) =>
        i === 0 ? { ...one, servedMs: one.servedMs + more } : one,
      );
      if (all.length === 1) assert.ok(total(richer) >= total(all) - 1e-6);
    },
  );
  fc.assert(check, { numRuns: 300, seed: 2 });
});
