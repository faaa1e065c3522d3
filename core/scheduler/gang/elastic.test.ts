// Tests of gangs between a least and a most: as large as there is room for, never smaller.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import { largestFit } from "./elastic.ts";

const elastic = (countMin: number, count: number) => {
  const plain = spec({ accelerators: 1 }, { count });
  return { ...plain, groups: [{ ...plain.groups[0]!, countMin }] };
};

const gpus = (name: string, ...ids: readonly number[]) => ({
  node: name,
  acceleratorIds: ids.map((id) => `gpu${id}`),
  milliCpu: 0,
  memoryMiB: 0,
});

test("a gang starts with as many tasks as there is room for", () => {
  for (const [free, tasks] of [
    [1, 0],
    [2, 2],
    [5, 5],
    [8, 6],
  ] as const) {
    const { starts } = plan(
      snapshot({ nodes: [node("a", free)], waiting: [waiting("1", elastic(2, 6))] }),
    );
    assert.equal(starts[0]?.placements.length ?? 0, tasks);
  }
});

test("it waits, and keeps a place, for its least", () => {
  const leases = [
    running("L1", { placements: [gpus("a", 0)], endsAtMs: HOUR_MS }),
    running("L2", { placements: [gpus("a", 1, 2, 3)], endsAtMs: 9 * HOUR_MS }),
  ];
  const nodes = occupied([node("a", 5)], leases);
  const jobs = [
    waiting("1", elastic(2, 4)),
    waiting("2", spec({ accelerators: 1 }, { walltimeMs: 2 * HOUR_MS })),
  ];
  const { starts, waits } = plan(snapshot({ nodes, running: leases, waiting: jobs }));
  assert.equal(starts.length, 0, "the free device is kept");
  assert.equal(waits[0]?.startEstimateMs, HOUR_MS);
});

test("jobs that differ by their least are not told the same", () => {
  const jobs = [waiting("1", elastic(4, 6)), waiting("2", elastic(3, 6))];
  const { starts, waits } = plan(snapshot({ nodes: [node("a", 3)], waiting: jobs }));
  assert.deepEqual([starts[0]?.jobId, starts[0]?.placements.length], ["2", 3]);
  assert.equal(waits[0]?.jobId, "1");
});

test("the largest size that fits is found, whatever the sizes", () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.nat(40), fc.nat(90));
  const check = fc.property(sizes, ([least, more, room]) => {
    const most = least + more;
    const job = more === 0 ? spec({}, { count: most }) : elastic(least, most);
    let looks = 0;
    const found = largestFit(job, ({ groups }) => {
      looks += 1;
      assert.equal(groups[0]!.countMin === undefined || groups[0]!.count === most, true);
      return groups[0]!.count <= room ? groups[0]!.count : undefined;
    });
    assert.equal(found, room < least ? undefined : Math.min(room, most));
    assert.ok(looks <= 8);
  });
  fc.assert(check, { numRuns: 300, seed: 3 });
});
