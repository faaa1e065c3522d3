// Asking few nodes of those that are alike must give what asking all of them gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stayUntil } from "../backfill/holds.ts";
import { momentOf } from "../backfill/moments.ts";
import { reserve } from "../backfill/reserve.ts";
import { BOUNDS } from "../bounds.ts";
import { makeDemand } from "../demand.ts";
import { node, spec } from "../fixtures.testing.ts";
import { takeNow } from "../promise.ts";
import { buildWorld, type Holding, roomsAfter } from "../world.ts";
import { alikeNow } from "./alike.ts";
import { capacity, fitSite } from "./fit.ts";
import { placementsOf } from "./uses.ts";

const request = fc.record({
  accelerators: fc.integer({ min: 0, max: 4 }),
  milliCpu: fc.constantFrom(0, 1_000, 3_000),
  count: fc.integer({ min: 1, max: 5 }),
});
const turn = fc.record({
  request,
  act: fc.constantFrom("look", "start", "start", "reserve"),
  endsAtMs: fc.integer({ min: 1, max: 3 }),
});
const sizes = fc.array(fc.constantFrom(2, 4), { minLength: 1, maxLength: 12 });

function poolOf(gpus: readonly number[]) {
  const nodes = gpus.map((count, at) => node(`n${String(at).padStart(2, "0")}`, count));
  const world = buildWorld(0, nodes, []);
  return { world, site: world.sites[0]! };
}

test("few of the nodes alike give the fit that all nodes give, after any promises", () => {
  let spared = 0;
  const check = fc.property(sizes, fc.array(turn, { maxLength: 20 }), (gpus, turns) => {
    const { world, site } = poolOf(gpus);
    const alike = alikeNow(site);
    for (const { request: asked, act, endsAtMs } of turns) {
      const { count, ...resources } = asked;
      const wanted = spec(resources, { count });
      const demand = makeDemand(wanted, world);
      const [candidates] = demand.candidates;
      if (candidates === undefined) continue;
      const few = alike.few(demand, candidates);
      spared += candidates.nodes.length - few.nodes.length;
      const fitOf = (of: typeof candidates) =>
        fitSite(demand, of, ({ room }) => room, BOUNDS.GANG_STEPS_MAX).fit;
      const fit = fitOf(candidates);
      const same = fitOf(few);
      assert.deepEqual(same && placementsOf(same), fit && placementsOf(fit));
      const portion = demand.portions[0]!;
      let [sum, sumEach] = [0, 0];
      for (const one of site.nodes) sum += capacity(portion, one, one.room, count);
      for (const [one, nodes] of alike.each()) {
        sumEach += nodes * capacity(portion, one, one.room, count);
      }
      assert.equal(sumEach, sum);
      if (fit === undefined || act === "look") continue;
      if (act === "start") takeNow(fit, stayUntil(endsAtMs), wanted);
      else {
        const times = { startMs: endsAtMs, endMs: 9, promisedMs: endsAtMs };
        const kept = { keeper: "job 7", jobId: "7", against: "limit" as const, ...times };
        reserve(kept, { fit, roomOf: ({ room }) => room });
      }
    }
  });
  fc.assert(check, { numRuns: 300, seed: 5 });
  assert.ok(spared > 500, `nodes are spared: ${spared}`);
});

test("a moment asked about before shows what is free then, also after new promises", () => {
  const endOf = ({ endsAtMs }: Holding): number => endsAtMs;
  let ended = 0;
  const check = fc.property(sizes, fc.array(turn, { maxLength: 20 }), (gpus, turns) => {
    const { world, site } = poolOf(gpus);
    for (const { request: asked, act, endsAtMs } of turns) {
      const { count, ...resources } = asked;
      const wanted = spec(resources, { count });
      const demand = makeDemand(wanted, world);
      const [candidates] = demand.candidates;
      if (candidates === undefined) continue;
      const over = site.holdings.filter((holding) => endOf(holding) <= endsAtMs);
      ended += over.length;
      const rooms = roomsAfter(site, over);
      const moment = momentOf(site, endOf, endsAtMs);
      for (const one of site.nodes) assert.deepEqual(moment.rooms(one), rooms(one));
      const then = fitSite(demand, candidates, rooms, BOUNDS.GANG_STEPS_MAX).fit;
      const few = moment.alike.few(demand, candidates);
      const same = fitSite(demand, few, moment.rooms, BOUNDS.GANG_STEPS_MAX).fit;
      assert.deepEqual(same && placementsOf(same), then && placementsOf(then));
      const { fit } = fitSite(demand, candidates, ({ room }) => room, BOUNDS.GANG_STEPS_MAX);
      if (fit !== undefined && act !== "look") takeNow(fit, stayUntil(endsAtMs), wanted);
    }
  });
  fc.assert(check, { numRuns: 300, seed: 6 });
  assert.ok(ended > 1_000, `leases are over: ${ended}`);
});
