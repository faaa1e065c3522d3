// What moves owe to those who are moved, and to who waits.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  fits,
  type KnownRequest,
  type NodeShape,
  NodeTable,
  type Place,
  type Request,
  RequestTable,
} from "../placement/index.ts";
import { type Holding, Holdings, MoveSearch, moveCostMs, worthMoving } from "./index.ts";
import { tightestPlace } from "./places.ts";

const big: NodeShape = { model: "G2", accelerators: 8, milliCpu: 64_000, memoryMiB: 65_536 };
const small: NodeShape = { model: "T4", accelerators: 2, milliCpu: 16_000, memoryMiB: 16_384 };

const request = (accelerators: number, milli: number, milliCpu = 2_000, models = ""): Request => ({
  accelerators,
  milli,
  milliCpu,
  memoryMiB: 1_024,
  models,
});

function world(shapes: readonly NodeShape[]) {
  const nodes = new NodeTable(shapes);
  const changed = new Set<number>();
  const holdings = new Holdings(nodes, (node) => changed.add(node));
  const requests = new RequestTable(nodes);
  const run = (one: Request, place: Place, movable = true): Holding => {
    const known = requests.know(one);
    holdings.reserve(known, place);
    return holdings.add(known, place, movable);
  };
  return { nodes, holdings, requests, run, changed, search: new MoveSearch(holdings) };
}

const ROOM = { movesMax: 8, depth: 2 };

test("one move joins two halves, so that a whole accelerator is free", () => {
  const { nodes, holdings, requests, run, changed, search } = world([small]);
  run(request(1, 500), { node: 0, accelerators: [0] });
  run(request(1, 400), { node: 0, accelerators: [1] });
  const whole = requests.know(request(1, 1_000));
  assert.equal(fits(nodes, 0, whole), false);
  const place = search.makeRoom(whole, ROOM)!;
  assert.deepEqual(holdings.take().length, 1);
  assert.ok(fits(nodes, place.node, whole));
  assert.deepEqual([...changed], [0]);
});

test("processors are freed, too: who uses no accelerator leaves first", () => {
  const { holdings, requests, run, search } = world([small, { ...small, accelerators: 0 }]);
  run(request(1, 1_000, 4_000), { node: 0, accelerators: [0] });
  const busy = run(request(0, 0, 12_000), { node: 0, accelerators: [] });
  const place = search.makeRoom(requests.know(request(1, 1_000)), ROOM);
  assert.deepEqual(place, { node: 0, accelerators: [1] });
  assert.deepEqual(
    holdings.take().map(({ holding, to }) => [holding === busy, to.node]),
    [[true, 1]],
  );
});

test("a chain of moves is found when one move alone does not help", () => {
  // Only T4 will do for the last one; who is there can go to the G2 alone when another has left.
  const { holdings, requests, run, search } = world([
    { ...small, accelerators: 1 },
    { ...big, accelerators: 1 },
    { ...small, model: "P100", accelerators: 1 },
  ]);
  run(request(1, 1_000, 2_000, "T4|G2"), { node: 0, accelerators: [0] });
  run(request(1, 1_000, 2_000, "G2|P100"), { node: 1, accelerators: [0] });
  const last = requests.know(request(1, 1_000, 2_000, "T4"));
  assert.equal(search.makeRoom(last, { movesMax: 8, depth: 1 }), undefined);
  assert.equal(search.makeRoom(last, { movesMax: 1, depth: 2 }), undefined);
  assert.deepEqual(search.makeRoom(last, ROOM), { node: 0, accelerators: [0] });
  assert.deepEqual(
    holdings.take().map(({ from, to }) => [from.node, to.node]),
    [
      [1, 2],
      [0, 1],
    ],
  );
});

const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  fc
    .record({
      milli: fc.constantFrom(160, 320, 470, 810, 1_000),
      cpu: fc.integer({ min: 0, max: 12 }),
    })
    .map(({ milli, cpu }) => request(1, milli, cpu * 1_000)),
  fc.constantFrom(request(2, 1_000), request(8, 1_000, 50_000), request(1, 500, 4_000, "T4")),
  fc.integer({ min: 1, max: 16 }).map((cpu) => request(0, 0, cpu * 1_000)),
);

/** All of a holding's place, booked on empty tables: what must stay within each node. */
function recount(
  shapes: readonly NodeShape[],
  held: readonly { request: KnownRequest; place: Place }[],
) {
  const nodes = new NodeTable(shapes);
  for (const one of held) {
    for (const at of one.place.accelerators) {
      nodes.free[one.place.node * nodes.stride + at]! -= one.request.milli;
    }
    nodes.freeMilliCpu[one.place.node]! -= one.request.milliCpu;
    nodes.freeMemoryMiB[one.place.node]! -= one.request.memoryMiB;
  }
  return nodes;
}

const isSound = (nodes: NodeTable): boolean =>
  nodes.free.every((milli) => milli >= 0) &&
  nodes.freeMilliCpu.every((cpu) => cpu >= 0) &&
  nodes.freeMemoryMiB.every((memory) => memory >= 0);

test("every step of the moves is sound, nobody is lost, and who must stay stays", () => {
  const shapes = [big, small, small, big];
  let made = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyRequest, fc.boolean()), { minLength: 10, maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      (all, depth) => {
        const { nodes, holdings, requests, search } = world(shapes);
        const held: Holding[] = [];
        for (const [one, movable] of all) {
          const known = requests.know(one);
          const direct = tightestPlace(nodes, known);
          const before = new Map(held.map((holding) => [holding, holding.place]));
          const place = direct ?? search.makeRoom(known, { movesMax: 6, depth });
          const moves = holdings.take();
          if (place === undefined) assert.equal(moves.length, 0);
          else if (direct === undefined) made += 1;
          assert.ok(moves.length <= 6);
          for (const { holding, from, to } of moves) {
            assert.ok(holding.movable, "one that must stay was moved");
            assert.deepEqual(before.get(holding), from);
            assert.equal(new Set(to.accelerators).size, holding.request.accelerators);
            assert.equal(holding.request.kinds[nodes.kind[to.node]!], 1);
            before.set(holding, to);
            const now = held.map((h) => ({ request: h.request, place: before.get(h)! }));
            assert.ok(isSound(recount(shapes, now)), "something was given twice on the way");
          }
          for (const holding of held) assert.deepEqual(holding.place, before.get(holding));
          if (place !== undefined) {
            assert.ok(fits(nodes, place.node, known));
            holdings.reserve(known, place);
            held.push(holdings.add(known, place, movable));
          }
          assert.deepEqual(nodes.free, recount(shapes, held).free);
          assert.deepEqual(nodes.freeMilliCpu, recount(shapes, held).freeMilliCpu);
        }
      },
    ),
    { numRuns: 40 },
  );
  assert.ok(made > 0, "no case needed a move");
});

test("moves are worth it only if who waits gains more than the moved ones lose", () => {
  const move = { devices: 2, unsavedMs: 50_000, restartMs: 10_000 };
  assert.equal(moveCostMs(move), 120_000);
  assert.equal(worthMoving([move], { devices: 1, soonerMs: 130_000 }), false);
  assert.equal(worthMoving([move], { devices: 1, soonerMs: 130_001 }), true);
  assert.equal(worthMoving([move, move], { devices: 1, soonerMs: 130_001 }), false);
  assert.equal(worthMoving([move], { devices: 8, soonerMs: 10_000 }), false);
});
