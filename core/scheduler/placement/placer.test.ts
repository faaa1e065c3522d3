// What every policy owes, and what the default is for.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GroupPlacer } from "./group-placer.ts";
import {
  fits,
  knowsMix,
  Mix,
  type NodeShape,
  NodeTable,
  PLACEMENT_POLICIES,
  type Place,
  type PlacementPolicy,
  placerOf,
  type Request,
  RequestTable,
} from "./index.ts";
import { SaturationRanker } from "./rankers/saturation.ts";

const big: NodeShape = { model: "G2", accelerators: 8, milliCpu: 96_000, memoryMiB: 393_216 };
const small: NodeShape = { model: "T4", accelerators: 2, milliCpu: 32_000, memoryMiB: 131_072 };
const none: NodeShape = { model: "", accelerators: 0, milliCpu: 64_000, memoryMiB: 65_536 };

const request = (accelerators: number, milli: number, milliCpu = 4_000, models = ""): Request => ({
  accelerators,
  milli,
  milliCpu,
  memoryMiB: 1_024,
  models,
});

function makePlacer(
  shapes: readonly NodeShape[],
  policy: PlacementPolicy,
  all: readonly Request[],
) {
  const nodes = new NodeTable(shapes);
  const requests = new RequestTable(nodes);
  const known = all.map((one) => requests.know(one));
  const mix = new Mix(requests);
  if (knowsMix(policy)) for (const one of known) mix.add(one);
  return { nodes, known, placer: placerOf(policy, { nodes, requests, mix, seed: 1 }) };
}

const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  fc
    .record({
      milli: fc.constantFrom(160, 320, 470, 810, 1_000),
      cpu: fc.integer({ min: 0, max: 40 }),
    })
    .map(({ milli, cpu }) => request(1, milli, cpu * 1_000)),
  fc.constantFrom(request(2, 1_000), request(8, 1_000, 90_000), request(1, 500, 4_000, "T4")),
  fc.integer({ min: 1, max: 60 }).map((cpu) => request(0, 0, cpu * 1_000)),
);

for (const policy of PLACEMENT_POLICIES) {
  test(`${policy} refuses only what fits nowhere, and gives no part twice`, () => {
    const shapes = [big, small, none, big, small];
    fc.assert(
      fc.property(fc.array(anyRequest, { minLength: 1, maxLength: 90 }), (all) => {
        const { nodes, known, placer } = makePlacer(shapes, policy, all);
        for (const one of known) {
          const somewhere = shapes.some((_, node) => fits(nodes, node, one));
          const place = placer.place(one);
          assert.equal(place !== undefined, somewhere);
          if (place === undefined) continue;
          assert.equal(new Set(place.accelerators).size, one.accelerators);
          assert.ok(nodes.free.every((milli) => milli >= 0));
          assert.ok(nodes.freeMilliCpu[place.node]! >= 0);
          assert.ok(nodes.freeMemoryMiB[place.node]! >= 0);
        }
      }),
      { numRuns: 25 },
    );
  });
}

test("a placer that keeps its scores chooses what one chooses that has kept nothing", () => {
  const shapes = [big, small, big, none, small, big];
  const world = (all: readonly Request[]) => {
    const nodes = new NodeTable(shapes);
    const requests = new RequestTable(nodes);
    const mix = new Mix(requests);
    const known = all.map((one) => requests.know(one));
    for (const one of known) mix.add(one);
    return { nodes, known, ranker: new SaturationRanker({ nodes, requests, mix, known: true }) };
  };
  fc.assert(
    fc.property(fc.array(anyRequest, { minLength: 1, maxLength: 60 }), (all) => {
      const [kept, fresh] = [world(all), world(all)];
      const placer = new GroupPlacer(kept.nodes, kept.ranker);
      for (const [at, one] of kept.known.entries()) {
        const again = new GroupPlacer(fresh.nodes, fresh.ranker);
        assert.deepEqual(placer.place(one), again.place(fresh.known[at]!));
      }
    }),
    { numRuns: 25 },
  );
});

test("work that comes and goes is refused only where no node has room, memory included", () => {
  const shapes = [small, small, small];
  const heavy = (gib: number): Request => ({ ...request(1, 500), memoryMiB: gib * 1_024 });
  const cpuOnly = [6_000, 9_000, 8_500].map((milliCpu) => request(0, 0, milliCpu));
  const all = [heavy(16), heavy(60), heavy(100), request(2, 1_000), ...cpuOnly];
  const step = fc.record({ what: fc.nat(all.length - 1), leaves: fc.boolean(), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { nodes, known, placer } = makePlacer(shapes, "saturation", all);
      const here: { one: (typeof known)[number]; place: Place }[] = [];
      for (const { what, leaves, which } of steps) {
        const [gone] = leaves ? here.splice(which % Math.max(1, here.length), 1) : [];
        if (gone !== undefined) placer.release(gone.one, gone.place);
        const one = known[what]!;
        const somewhere = shapes.some((_, node) => fits(nodes, node, one));
        const place = placer.place(one);
        assert.equal(place !== undefined, somewhere);
        if (place !== undefined) here.push({ one, place });
      }
      for (const { one, place } of here) placer.release(one, place);
      assert.ok(nodes.free.every((milli, at) => milli === (at < 6 ? 1_000 : 0)));
    }),
    { numRuns: 150 },
  );
});

test("half a core that is left serves who needs no more, whoever was refused before", () => {
  const all = [6_000, 8_500, 9_000].map((milliCpu) => request(0, 0, milliCpu));
  const { known, placer } = makePlacer([small], "saturation", all);
  const [six, half, nine] = known;
  for (const one of [six!, half!, nine!]) assert.ok(placer.place(one));
  // 32 cores less 23.5: nine do not fit, eight and a half do.
  assert.equal(placer.place(nine!), undefined);
  assert.ok(placer.place(half!));
});

test("what is given back is free again", () => {
  const { nodes, known, placer } = makePlacer([small], "best-fit", [request(2, 1_000)]);
  const place = placer.place(known[0]!) as Place;
  assert.equal(placer.place(known[0]!), undefined);
  placer.release(known[0]!, place);
  assert.deepEqual([...nodes.free], [1_000, 1_000]);
  assert.deepEqual(placer.place(known[0]!), place);
});

test("saturation joins parts that fill an accelerator together", () => {
  const parts = [request(1, 470), request(1, 530), request(1, 470), request(1, 530)];
  const mix = Array.from({ length: 20 }, () => parts).flat();
  const { nodes, known, placer } = makePlacer([small, small], "saturation-known", mix);
  for (const one of known.slice(0, 4)) placer.place(one);
  assert.deepEqual([...nodes.free].sort(), [0, 0, 1_000, 1_000]);
});

test("saturation keeps a scarce model for those who can use no other, while there is room", () => {
  const free = request(1, 1_000);
  const bound = request(1, 1_000, 4_000, "T4");
  const order = Array.from({ length: 20 }, () => [free, free, free, free, bound]).flat();
  const shapes = [small, small, small, ...Array.from({ length: 4 }, () => big)];
  const { nodes, known, placer } = makePlacer(shapes, "saturation-known", order);
  const scarce = known.slice(0, 25).flatMap((one) => {
    const place = placer.place(one)!;
    return nodes.kinds[nodes.kind[place.node]!]!.model === "T4" ? [one.models] : [];
  });
  assert.ok(
    scarce.every((models) => models === "T4"),
    "others took the scarce model",
  );
});

test("saturation leaves whole nodes to wide requests that are still to come", () => {
  const wide = request(8, 1_000, 80_000);
  const mix = [...Array.from({ length: 16 }, () => request(1, 1_000)), wide, wide];
  const { known, placer } = makePlacer([big, big, big, big], "saturation-known", mix);
  for (const one of known.slice(0, 16)) assert.ok(placer.place(one));
  assert.ok(placer.place(known[16]!), "no whole node was left for the first wide request");
  assert.ok(placer.place(known[17]!), "no whole node was left for the second wide request");
});
