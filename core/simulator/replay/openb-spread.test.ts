// Spreading: who finds room once it began, and that nobody is refused for whom a node has room.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fits,
  Mix,
  NodeTable,
  placerOf,
  type Request,
  RequestTable,
} from "../../scheduler/placement/index.ts";
import { MovingPlacer } from "./openb-moves.ts";

const request = (milli: number, milliCpu = 1_000): Request => ({
  accelerators: 1,
  milli,
  milliCpu,
  memoryMiB: 1,
  models: "",
});

/** So many nodes of one accelerator, and pods of 1000, 810 and 320 thousandths in turn. */
function fill(nodeCount: number, pods: number, cores: number) {
  const shape = { model: "A", accelerators: 1, milliCpu: cores * 1_000, memoryMiB: 1_000 };
  const nodes = new NodeTable(Array.from({ length: nodeCount }, () => shape));
  const requests = new RequestTable(nodes);
  const mix = new Mix(requests);
  const still = placerOf("best-fit", { nodes, requests, mix, seed: 1 });
  const placer = new MovingPlacer(nodes, still, true);
  const sorts = [1_000, 810, 320].map((milli) => requests.know(request(milli)));
  const lost = new Map<number, number>();
  for (let pod = 0; pod < pods; pod += 1) {
    const sort = sorts[pod % sorts.length]!;
    const hadRoom = nodes.kind.some((_, node) => fits(nodes, node, sort));
    const place = placer.place(sort);
    if (hadRoom) assert.ok(place !== undefined, "a node had room for it");
    if (place === undefined) lost.set(sort.milli, (lost.get(sort.milli) ?? 0) + 1);
    assert.ok(nodes.free.every((milli) => milli >= 0));
    assert.ok(nodes.freeMilliCpu.every((cpu) => cpu >= 0));
  }
  return { placer, lost };
}

test("spreading leaves room for those who waste none, and loses no pod that had room", () => {
  const { placer, lost } = fill(600, 840, 16);
  assert.equal(placer.isSpread, true);
  assert.ok(placer.moves > 0);
  assert.ok((lost.get(810) ?? 0) > (lost.get(1_000) ?? 0));
});

test("nothing is spread where processors run out before accelerators do", () => {
  assert.equal(fill(600, 840, 1).placer.isSpread, false);
});
