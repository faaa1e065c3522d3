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
  const next = (row: number): boolean => {
    const sort = sorts[row]!;
    const hadRoom = nodes.kind.some((_, node) => fits(nodes, node, sort));
    const place = placer.place(sort);
    if (hadRoom) assert.ok(place !== undefined, "a node had room for it");
    if (place === undefined) lost.set(sort.milli, (lost.get(sort.milli) ?? 0) + 1);
    assert.ok(nodes.free.every((milli) => milli >= 0));
    assert.ok(nodes.freeMilliCpu.every((cpu) => cpu >= 0));
    return place !== undefined;
  };
  for (let pod = 0; pod < pods; pod += 1) next(pod % sorts.length);
  return { placer, lost, next };
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

test("a scarce model is spread for those who are bound to it, and the others stay away", () => {
  const model = (name: string) => ({
    ...{ model: name, accelerators: 1, milliCpu: 16_000, memoryMiB: 1_000 },
  });
  const names = Array.from({ length: 900 }, (_, at) => (at % 3 === 0 ? "scarce" : "common"));
  const nodes = new NodeTable(names.map(model));
  const requests = new RequestTable(nodes);
  const still = placerOf("best-fit", { nodes, requests, mix: new Mix(requests), seed: 1 });
  const placer = new MovingPlacer(nodes, still, true);
  const sorts = [1_000, 810, 320].map((milli) => ({ ...request(milli), models: "scarce" }));
  const rows = [...sorts, request(1_000)].map((one) => requests.know(one));
  const lost = rows.map(() => 0);
  for (let pod = 0; pod < 1_400; pod += 1) {
    const row = pod % 4;
    if (placer.place(rows[row]!) === undefined) lost[row]! += 1;
  }
  assert.equal(placer.isSpread, true);
  assert.equal(lost[3], 0, "who takes any model finds room elsewhere");
  assert.ok(lost[1]! > lost[0]!, `${lost}`);
});

test("wasteful pods find room again once enough is left for all others", () => {
  const { placer, lost, next } = fill(600, 760, 16);
  assert.equal(placer.isSpread, true);
  assert.ok((lost.get(810) ?? 0) > 0, "some were turned away");
  // Nobody but them comes any more: at a load of 100 % what was kept for others is theirs.
  const found = Array.from({ length: 120 }, () => next(1));
  assert.ok(found.lastIndexOf(true) > found.indexOf(false), `${found}`);
});
