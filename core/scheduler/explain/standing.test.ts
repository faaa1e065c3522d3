// Tests of the place of a waiting job: it is the place that the queue itself gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { spec, waiting } from "../fixtures.testing.ts";
import { JobQueue } from "../order/queue.ts";
import { ShareTree } from "../order/share-tree.ts";
import type { WaitingLine, WaitingView } from "../types.ts";
import { standingOf, standingSentence } from "./standing.ts";

const PROJECTS = [
  { name: "lab", parent: null, shares: 2, usage: 50 },
  { name: "lab/x", parent: "lab", shares: 1, usage: 10 },
  { name: "firm", parent: null, shares: 1, usage: 30 },
  { name: "new", parent: null, shares: 3, usage: 0 },
];
const HOUR_MS = 3_600_000;
const AGEING = { pointMs: HOUR_MS, pointsMax: 30 };
const jobArbitrary = fc.record({
  project: fc.constantFrom(...PROJECTS.map(({ name }) => name)),
  priority: fc.constantFrom(0, 10, 20),
  submittedAtMs: fc.oneof(
    fc.nat(5),
    fc.integer({ min: -40, max: 0 }).map((h) => h * HOUR_MS),
  ),
  single: fc.boolean(),
});

/** Jobs that are no singles stand in one line for each priority and project. */
function linesOf(jobs: readonly WaitingView[]): readonly WaitingLine[] {
  const groups = Map.groupBy(jobs, ({ spec: { project, priority } }) => `${priority} ${project}`);
  return [...groups.values()].map((line) => {
    line.sort((a, b) => a.submittedAtMs - b.submittedAtMs || Number(a.jobId) - Number(b.jobId));
    const { project, priority } = line[0]!.spec;
    return { project, priority, count: line.length, jobs: () => line.values() };
  });
}

test("a place and the jobs ahead are those of the queue, and the tree is left as it was", () => {
  const check = fc.property(fc.array(jobArbitrary, { minLength: 1, maxLength: 40 }), (drawn) => {
    const jobs = drawn.map(({ project, priority, submittedAtMs, single }, index) => {
      const view = waiting(String(index + 1), spec({}, { project, priority }), { submittedAtMs });
      return { view, single };
    });
    const singles = jobs.filter(({ single }) => single).map(({ view }) => view);
    const lines = linesOf(jobs.filter(({ single }) => !single).map(({ view }) => view));
    const order: string[] = [];
    const rules = { nowMs: 0, ageing: AGEING };
    const queue = new JobQueue(singles, new ShareTree(PROJECTS), lines, rules);
    for (let next = queue.next(); next !== undefined; next = queue.next()) order.push(next.jobId);
    const tree = new ShareTree(PROJECTS);
    for (const { view } of jobs) {
      const standing = standingOf(view, { waiting: singles, lines }, tree, rules);
      const index = order.indexOf(view.jobId);
      assert.equal(standing.ahead, index);
      const first = standing.first.map(({ jobId }) => jobId);
      assert.deepEqual(first, order.slice(0, index));
      assert.equal(tree.next(), undefined);
    }
  });
  fc.assert(check, { numRuns: 150, seed: 3 });
});

test("a place says what decides it, with the numbers", () => {
  const of = (id: string, project: string, priority = 0) =>
    waiting(id, spec({}, { project, priority }));
  const asked = of("9", "lab");
  const others = [of("1", "lab"), of("2", "new"), of("3", "new"), of("4", "firm", 5), asked];
  const standing = standingOf(asked, { waiting: others, lines: [] }, new ShareTree(PROJECTS));
  assert.equal(
    standingSentence(asked, standing),
    "priority 0; project lab has used 200 % of its share; ahead: 2 of projects that have used " +
      "less of theirs (new 0 %), 1 of a higher priority, 1 older or more urgent of project lab",
  );
  const alone = standingOf(asked, { waiting: [asked], lines: [] }, new ShareTree(PROJECTS));
  assert.match(standingSentence(asked, alone), /; it is first in order$/);
  const rules = { nowMs: 5 * HOUR_MS, ageing: AGEING };
  const old = standingOf(asked, { waiting: [asked], lines: [] }, new ShareTree(PROJECTS), rules);
  assert.match(standingSentence(asked, old), /^priority 0 \(5 with its age\); /);
});
