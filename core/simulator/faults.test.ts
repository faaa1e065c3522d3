// Tests of the fault simulator: worlds hold their rules, the same seed is the same world, and the
// worlds are harsh enough to hold every kind of trouble that they promise.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FaultReport, simulateCrashes, simulateFaults } from "./index.ts";
import { World } from "./world.ts";

const SEEDS = Array.from({ length: 19 }, (_, i) => i + 1);

test("no rule is broken in any of these worlds, and they hold what they promise", () => {
  const reports = SEEDS.map((seed) => simulateFaults(seed));
  for (const { seed, broken } of reports) assert.equal(broken, undefined, `seed ${seed}`);
  const sum = (of: (report: FaultReport) => number): number =>
    reports.reduce((all, report) => all + of(report), 0);
  assert.ok(sum(({ jobs }) => jobs) > 200);
  assert.ok(sum(({ completed }) => completed) > 100);
  assert.ok(sum(({ crashes }) => crashes) > 20, "control planes crash");
  assert.ok(sum(({ lost }) => lost) > 20, "leases are lost");
  assert.ok(sum(({ corrected }) => corrected) > 5, "late reports correct the books");
  assert.ok(sum(({ runs }) => runs) > 5 && sum(({ rounds }) => rounds) > 20, "runs train");
});

test("the same seed gives the same report, byte for byte", () => {
  const [once, twice] = [11, 11].map((seed) => JSON.stringify(simulateFaults(seed)));
  assert.equal(once, twice);
  assert.notEqual(once, JSON.stringify(simulateFaults(12)));
});

test("the same seed gives the same journal, event for event", () => {
  const journals = [7, 7].map((seed) => {
    const world = new World(seed);
    world.run();
    return JSON.stringify(world.journal);
  });
  assert.equal(journals[0], journals[1]);
  assert.ok(journals[0]!.length > 10_000);
});

test("every 20th seed crashes at each of its steps, before and after that was durable", () => {
  const report = simulateFaults(20);
  assert.equal(report.broken, undefined);
  assert.deepEqual(report, simulateCrashes(20));
  assert.ok(report.worlds > 40, `${report.worlds} worlds`);
  // The first life has no crash; every other one has exactly its own.
  assert.equal(report.crashes, report.worlds - 1);
});
