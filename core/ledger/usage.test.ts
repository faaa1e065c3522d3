// Tests of usage that fades.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addUsage, decay, emptyUsage, rollUp, type UsageAddition, usageAt } from "./usage.ts";

const WEEK_MS = 604_800_000;

const addition = (deviceMs: number, atMs: number): UsageAddition => ({
  project: "lab",
  user: "eva",
  member: "ana",
  deviceMs,
  atMs,
});

test("usage halves in each half-life, exactly", () => {
  assert.equal(decay(1_000, 5, 5, WEEK_MS), 1_000);
  assert.equal(decay(1_000, 5, 5 + WEEK_MS, WEEK_MS), 500);
  assert.equal(decay(1_024, 0, 10 * WEEK_MS, WEEK_MS), 1);
  assert.equal(decay(1e300, 0, 5_000 * WEEK_MS, WEEK_MS), 0);
});

test("decay follows the power of two to the last digits and never rises", () => {
  const times = fc.integer({ min: 0, max: 20 * WEEK_MS });
  const check = fc.property(times, times, (a, b) => {
    const exact = 2 ** (-a / WEEK_MS);
    assert.ok(Math.abs(decay(1, 0, a, WEEK_MS) - exact) <= 1e-14 * exact);
    const [early, late] = [Math.min(a, b), Math.max(a, b)];
    assert.ok(decay(1e9, 0, late, WEEK_MS) <= decay(1e9, 0, early, WEEK_MS) * (1 + 1e-15));
  });
  fc.assert(check);
});

test("decay backwards in time is a broken invariant", () => {
  assert.throws(() => decay(1, 2, 1, WEEK_MS), /forward/);
});

test("project, user and member are charged alike, strangers not at all", () => {
  const usage = emptyUsage(WEEK_MS);
  addUsage(usage, addition(100, 0));
  addUsage(usage, { ...addition(60, WEEK_MS), user: "max" });
  assert.equal(usageAt(usage, "project", "lab", WEEK_MS), 110);
  assert.equal(usageAt(usage, "user", "eva", WEEK_MS), 50);
  assert.equal(usageAt(usage, "user", "max", WEEK_MS), 60);
  assert.equal(usageAt(usage, "member", "ana", 2 * WEEK_MS), 55);
  assert.equal(usageAt(usage, "project", "eva", WEEK_MS), 0);
});

test("the order in which usage is reported does not matter", () => {
  const reports = fc.array(
    fc.record({ deviceMs: fc.integer({ min: 0, max: 1e9 }), atMs: fc.nat(5 * WEEK_MS) }),
    { minLength: 1, maxLength: 10 },
  );
  const check = fc.property(reports, (drawn) => {
    const total = (order: typeof drawn): number => {
      const usage = emptyUsage(WEEK_MS);
      for (const { deviceMs, atMs } of order) addUsage(usage, addition(deviceMs, atMs));
      return usageAt(usage, "project", "lab", 6 * WEEK_MS);
    };
    const [there, back] = [total(drawn), total(drawn.toReversed())];
    assert.ok(Math.abs(there - back) <= 1e-9 * Math.max(1, there));
  });
  fc.assert(check);
});

test("usage of children counts for all their ancestors", () => {
  const parents = { lab: null, "lab/x": "lab", "lab/x/y": "lab/x", firm: null };
  const total = rollUp(parents, { "lab/x/y": 5, "lab/x": 2, lab: 1 });
  assert.deepEqual(total, { lab: 8, "lab/x": 7, "lab/x/y": 5, firm: 0 });
  assert.throws(() => rollUp({ a: "b", b: "a" }, { a: 1 }), /circle/);
});

test("what devices count in fair share is kept beside their time, from when they differ", () => {
  const usage = emptyUsage(WEEK_MS);
  const shareAt = (kind: "projectShare" | "memberShare", name: string): number =>
    usageAt(usage, kind, name, WEEK_MS);
  const base = { project: "lab", user: "eva", member: "ana", deviceMs: 100, atMs: 0 };
  addUsage(usage, base);
  assert.equal(Object.keys(usage.accounts).length, 3, "a plain history stays as it was");
  assert.equal(shareAt("projectShare", "lab"), 50);
  addUsage(usage, { ...base, atMs: WEEK_MS, shareMs: 330 });
  assert.equal(shareAt("projectShare", "lab"), 380);
  assert.equal(usageAt(usage, "project", "lab", WEEK_MS), 150);
  addUsage(usage, { ...base, member: "bob", atMs: WEEK_MS });
  assert.equal(shareAt("projectShare", "lab"), 480);
  assert.equal(shareAt("memberShare", "ana"), 380);
  assert.equal(shareAt("memberShare", "bob"), 100);
});
