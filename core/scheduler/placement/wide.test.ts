// The room for wide requests is kept step by step; counting it anew gives the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fits, type KnownRequest, NodeTable, RequestTable } from "./index.ts";
import { WideRoom } from "./wide.ts";

const shape = { model: "A", accelerators: 4, milliCpu: 64_000, memoryMiB: 64 };

const requestOf = (accelerators: number, cores: number, memoryMiB: number, milli = 1_000) => ({
  accelerators,
  milli,
  milliCpu: cores * 1_000,
  memoryMiB,
  models: "",
});
const ALL = [
  requestOf(1, 8, 8),
  requestOf(2, 12, 8),
  requestOf(4, 30, 20),
  requestOf(2, 40, 4),
  requestOf(1, 4, 1, 300),
];

interface Here {
  readonly node: number;
  readonly one: KnownRequest;
}

/** Takes or gives back the last accelerators; a shared one always breaks a whole one here. */
function move(nodes: NodeTable, { node, one }: Here, sign: 1 | -1): void {
  const from = 4 * node;
  let left = one.accelerators;
  for (let at = from; left > 0 && at < from + 4; at += 1) {
    if (sign === 1 ? nodes.free[at] !== 1_000 : nodes.free[at] !== 1_000 - one.milli) continue;
    nodes.free[at]! -= sign * one.milli;
    left -= 1;
  }
  nodes.freeMilliCpu[node]! -= sign * one.milliCpu;
  nodes.freeMemoryMiB[node]! -= sign * one.memoryMiB;
}

/** More nodes than are counted at once. */
const NODES = 300;
/** Steps after a renewal at which its counting goes on, and at which it is done. */
const [COUNTED_PARTLY, COUNTED] = [4, 8];

const roomsOf = (room: WideRoom, single: KnownRequest): readonly string[] => {
  // At such a scale everything is short, so all that is watched is shown.
  room.expect(1e6, 0);
  return room.short(single).map((watched) => `${watched.request.id}: ${watched.room}`);
};

test("what comes and goes, also while it is counted, leaves the room of a fresh count", () => {
  const node = fc.constantFrom(0, 1, NODES - 2, NODES - 1);
  const step = fc.record({ what: fc.nat(ALL.length - 1), node, leaves: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(30), (steps, renewAt) => {
      const nodes = new NodeTable(Array.from({ length: NODES }, () => shape));
      const requests = new RequestTable(nodes);
      const known = ALL.map((one) => requests.know(one));
      const rows = known.map((one) => [one, 1] as const);
      const kept = new WideRoom(nodes);
      kept.renew(rows);
      kept.advance(true);
      const here: Here[] = [];
      for (const [at, next] of steps.entries()) {
        if (at === renewAt) kept.renew(rows);
        if (at === renewAt + COUNTED_PARTLY) assert.equal(kept.advance(false), false);
        if (at === renewAt + COUNTED) assert.equal(kept.advance(false), true);
        const gone = next.leaves === 0 ? here.pop() : undefined;
        if (gone !== undefined) {
          move(nodes, gone, -1);
          kept.placed(gone.one, gone.node, 1, -1);
        }
        const one = known[next.what]!;
        const from = 4 * next.node;
        const hasWhole = nodes.free.subarray(from, from + 4).includes(1_000);
        if (!hasWhole || !fits(nodes, next.node, one)) continue;
        kept.placed(one, next.node, 1, 1);
        move(nodes, { node: next.node, one }, 1);
        here.push({ node: next.node, one });
      }
      kept.advance(true);
      const fresh = new WideRoom(nodes);
      fresh.renew(rows);
      fresh.advance(true);
      assert.deepEqual(roomsOf(kept, known[0]!), roomsOf(fresh, known[0]!));
      assert.equal(roomsOf(kept, known[0]!).length, 3);
    }),
    { numRuns: 60 },
  );
});

test("a request that needs as much as what is short does not pay for it", () => {
  const nodes = new NodeTable([shape]);
  const requests = new RequestTable(nodes);
  const [single, pair, four] = ALL.slice(0, 3).map((one) => requests.know(one));
  const room = new WideRoom(nodes);
  room.renew([[pair!, 1]]);
  room.advance(true);
  room.expect(2, 0);
  assert.deepEqual(
    [single!, pair!, four!].map((one) => room.short(one).length),
    [1, 0, 0],
  );
  assert.equal(room.taken(room.short(single!), single!, 0, 0), 2);
});
