// Tests of the one order: priority, fair share at every level of the tree, time, id.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan, runPass } from "../plan.ts";
import type { ProjectView, RunningView, WaitingView } from "../types.ts";
import { compareJobIds } from "./job-id.ts";
import { ShareTree } from "./share-tree.ts";

const job = (jobId: string, project: string, priority = 0, submittedAtMs = 0): WaitingView =>
  waiting(jobId, spec({ accelerators: 1 }, { project, priority }), { submittedAtMs });

const project = (
  name: string,
  shares: number,
  usage: number,
  parent: string | null = null,
): ProjectView => ({ name, parent, shares, usage });

test("job ids are ordered by the value of their numbers", () => {
  const ids = ["17_10", "9", "17_2", "17", "10", "a2", "a10", "007", "7"];
  assert.deepEqual(ids.sort(compareJobIds), [
    "007",
    "7",
    "9",
    "10",
    "17",
    "17_2",
    "17_10",
    "a2",
    "a10",
  ]);
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      assert.equal(Math.sign(compareJobIds(a, b)) + Math.sign(compareJobIds(b, a)), 0);
      assert.equal(compareJobIds(a, b) === 0, a === b);
    }),
  );
});

test("priority goes before share, share before time, time before id", () => {
  const projects = [project("heavy", 1, 1_000 * HOUR_MS), project("light", 1, 0)];
  const { order } = runPass(
    snapshot({
      projects,
      nodes: [node("a", 1)],
      waiting: [
        job("4", "light", 0, 20),
        job("3", "light", 0, 10),
        job("10", "heavy", 0, 0),
        job("9", "heavy", 0, 0),
        job("99", "heavy", 5, 99),
      ],
    }),
  );
  assert.deepEqual(order, ["99", "3", "4", "9", "10"]);
});

test("a division competes with all that its projects used, not with each alone", () => {
  const tree = new ShareTree([
    project("left", 1, 0),
    project("left/a", 1, 60, "left"),
    project("left/b", 1, 0, "left"),
    project("right", 1, 50),
  ]);
  tree.changeWaiting("left/b", 1);
  tree.changeWaiting("right", 1);
  // left/b used nothing itself, but its division used more than the other one.
  assert.equal(tree.next(), "right");
  tree.charge("right", 20);
  assert.equal(tree.next(), "left/b");
  assert.equal(Math.round(tree.usedPercent("left")!), 92);
});

test("a project without shares waits for all others, and unknown ones get one share", () => {
  const tree = new ShareTree([project("none", 0, 0), project("much", 1, 1e12)]);
  tree.changeWaiting("none", 1);
  tree.changeWaiting("much", 1);
  assert.equal(tree.next(), "much");
  tree.changeWaiting("new", 1);
  assert.equal(tree.next(), "new");
});

test("a circle of projects is a broken invariant", () => {
  assert.throws(() => new ShareTree([project("a", 1, 0, "b"), project("b", 1, 0, "a")]));
});

test("starts of one pass count at once, so one project does not take all of it", () => {
  const { starts } = plan(
    snapshot({
      nodes: [node("a", 8)],
      projects: [project("three", 3, 0), project("one", 1, 0)],
      waiting: Array.from({ length: 16 }, (_, i) => job(`${i}`, i < 8 ? "three" : "one")),
    }),
  );
  assert.equal(starts.length, 8);
  assert.equal(starts.filter(({ jobId }) => Number(jobId) < 8).length, 6);
});

test("two projects with shares of 3 to 1 and endless work get 3 to 1", () => {
  const lengths = fc.array(fc.integer({ min: 60_000, max: 3 * HOUR_MS }), {
    minLength: 400,
    maxLength: 400,
  });
  fc.assert(
    fc.property(lengths, (walltimes) => {
      const used: Record<string, number> = { three: 0, one: 0 };
      let leases: readonly RunningView[] = [];
      let nowMs = 0;
      let next = 0;
      while (next < walltimes.length - 12) {
        const offered = ["three", "one"].flatMap((name) =>
          Array.from({ length: 4 }, (_, i) => {
            const walltimeMs = walltimes[next + i]!;
            const accelerators = 1 + (walltimeMs % 2);
            return waiting(`${name}${i}`, spec({ accelerators }, { project: name, walltimeMs }));
          }),
        );
        // What running leases used so far counts, as the controller reports it.
        const ongoing = (name: string) =>
          leases
            .filter((lease) => lease.project === name)
            .reduce((sum, lease) => sum + devices(lease) * (nowMs - lease.startedAtMs), 0);
        const { starts } = plan(
          snapshot({
            nowMs,
            nodes: occupied([node("a", 4), node("b", 4)], leases),
            running: leases,
            projects: [
              project("three", 3, used.three! + ongoing("three")),
              project("one", 1, used.one! + ongoing("one")),
            ],
            waiting: offered,
          }),
        );
        leases = leases.concat(
          starts.map(({ jobId, placements }) => {
            const { spec: its } = offered.find((one) => one.jobId === jobId)!;
            next += 1;
            return running(`L${next}`, {
              project: its.project,
              placements,
              startedAtMs: nowMs,
              endsAtMs: nowMs + its.walltimeMs,
            });
          }),
        );
        nowMs = Math.min(...leases.map(({ endsAtMs }) => endsAtMs));
        for (const lease of leases.filter(({ endsAtMs }) => endsAtMs <= nowMs)) {
          used[lease.project]! += devices(lease) * (lease.endsAtMs - lease.startedAtMs);
        }
        leases = leases.filter(({ endsAtMs }) => endsAtMs > nowMs);
      }
      const ratio = used.three! / used.one!;
      assert.ok(ratio > 2.7 && ratio < 3.3, `ratio ${ratio}`);
    }),
    { numRuns: 10, seed: 5 },
  );
});

const devices = ({ placements }: RunningView): number =>
  placements.reduce((sum, { acceleratorIds }) => sum + acceleratorIds.length, 0);
