// Moves of leases in the scheduler's own world: what they may touch, and that they make room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDemand } from "../demand.ts";
import { HOUR_MS, node, occupied, running, spec } from "../fixtures.testing.ts";
import type { NodeView, RunningView } from "../types.ts";
import { buildWorld } from "../world.ts";
import { findLeaseMoves } from "./index.ts";

const lease = (leaseId: string, on: string, gpus: readonly number[]): RunningView =>
  running(leaseId, {
    preemptible: true,
    spec: spec({ accelerators: gpus.length, milliCpu: 1_000 }),
    placements: [
      {
        node: on,
        acceleratorIds: gpus.map((index) => `gpu${index}`),
        milliCpu: 1_000,
        memoryMiB: 0,
      },
    ],
    startedAtMs: -HOUR_MS,
    endsAtMs: 9 * HOUR_MS,
  });

function search(
  nodes: readonly NodeView[],
  leases: readonly RunningView[],
  gpus: number,
  tasks = 1,
  movable: (lease: RunningView) => boolean = ({ preemptible }) => preemptible,
) {
  const world = buildWorld(0, occupied(nodes, leases), leases);
  const demand = makeDemand(spec({ accelerators: gpus }, { count: tasks }), world);
  return findLeaseMoves(demand, {
    movable: (one) =>
      movable(one) && one.spec !== undefined ? makeDemand(one.spec, world) : undefined,
    movesMax: 4,
    depth: 2,
    excluded: new Set(),
  });
}

test("two nodes that are half full become one that is free", () => {
  const found = search(
    [node("a", 2), node("b", 2)],
    [lease("L1", "a", [0]), lease("L2", "b", [1])],
    2,
  );
  assert.ok(found !== undefined);
  assert.equal(found.moves.length, 1);
  const [move] = found.moves;
  assert.notEqual(move!.from.node, move!.to.node);
  assert.equal(found.tasks[0]!.node, move!.from.node);
  assert.deepEqual([...found.tasks[0]!.devices].sort(), [0, 1]);
});

test("the tasks of a gang each find their place, and none twice", () => {
  const nodes = ["a", "b", "c", "d"].map((name) => node(name, 2));
  const leases = ["a", "b", "c"].map((name, at) => lease(`L${at}`, name, [0]));
  const found = search(nodes, leases, 2, 2);
  assert.equal(found?.moves.length, 1);
  assert.equal(new Set(found.tasks.map(({ node: { view } }) => view.node.name)).size, 2);
  assert.equal(search(nodes, leases, 2, 3), undefined, "five free devices hold no three pairs");
});

test("a lease that may not be moved is never moved, and what is kept is never touched", () => {
  const nodes = [node("a", 2), node("b", 2)];
  const leases = [lease("L1", "a", [0]), lease("L2", "b", [1])];
  assert.equal(
    search(nodes, leases, 2, 1, () => false),
    undefined,
  );
  assert.equal(
    search(nodes, leases, 2, 1, ({ leaseId }) => leaseId === "L2")?.moves[0]?.lease.leaseId,
    "L2",
  );
  const stopping = leases.map((one) => ({ ...one, stopping: true }));
  assert.equal(search(nodes, stopping, 2), undefined);
});

test("a lease moves only to nodes where its own job may run", () => {
  const other = node("b", 2, { member: "bob" });
  const bound = { ...spec({ accelerators: 1, milliCpu: 1_000 }) };
  const onlyAna = { ...bound, constraints: { ...bound.constraints, members: ["ana"] } };
  const leases = [{ ...lease("L1", "a", [0]), spec: onlyAna }];
  assert.equal(search([node("a", 2), other], leases, 2)?.moves.length, 0);
  const wide = [...leases, lease("L2", "b", [1])];
  const found = search([node("a", 2), other], wide, 2);
  assert.deepEqual(
    found?.moves.map((move) => move.lease.leaseId),
    ["L2"],
  );
});
