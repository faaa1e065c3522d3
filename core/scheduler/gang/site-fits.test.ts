// What is kept of earlier searches must be what a new search would find.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stayUntil } from "../backfill/holds.ts";
import { BOUNDS } from "../bounds.ts";
import { makeDemand } from "../demand.ts";
import { node, spec } from "../fixtures.testing.ts";
import { takeNow } from "../promise.ts";
import { buildWorld } from "../world.ts";
import { bestOf, fitSite } from "./fit.ts";
import { SiteFits } from "./site-fits.ts";
import { placementsOf } from "./uses.ts";

const request = fc.record({
  accelerators: fc.integer({ min: 0, max: 4 }),
  count: fc.integer({ min: 1, max: 3 }),
});

test("after any starts the known fit of a site is the one that a new search finds", () => {
  let known = 0;
  const turns = fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 20 });
  const check = fc.property(fc.tuple(request, request, request), turns, (requests, order) => {
    const nodes = ["a", "b", "c", "d", "e"].map((name, index) =>
      node(name, 4, { siteId: index < 2 ? "s1" : "s2" }),
    );
    const world = buildWorld(0, nodes, []);
    const specs = requests.map(({ count, ...resources }) => spec(resources, { count }));
    const demands = specs.map((one) => makeDemand(one, world));
    const fits = new SiteFits();
    for (const turn of order) {
      const demand = demands[turn]!;
      const found = demand.candidates.map((candidates) => {
        const search = () =>
          fitSite(demand, candidates, ({ room }) => room, BOUNDS.GANG_STEPS_MAX).fit;
        let searched = false;
        const fit = fits.of(demand, candidates, () => {
          searched = true;
          return search();
        });
        if (!searched) known += 1;
        const again = search();
        assert.deepEqual(fit && placementsOf(fit), again && placementsOf(again));
        return fit;
      });
      const best = bestOf(found.filter((fit) => fit !== undefined));
      if (best !== undefined) takeNow(best, stayUntil(1_000), specs[turn]!);
    }
  });
  fc.assert(check, { numRuns: 200, seed: 2 });
  assert.ok(known > 200, `many searches are spared: ${known}`);
});

test("beside a reservation every stay is looked at anew", () => {
  const world = buildWorld(0, [node("a", 4)], []);
  const site = world.sites[0]!;
  const demand = makeDemand(spec({ accelerators: 1 }), world);
  const fits = new SiteFits();
  let searches = 0;
  const ask = () =>
    fits.of(demand, demand.candidates[0]!, () => {
      searches += 1;
      return undefined;
    });
  ask();
  ask();
  assert.equal(searches, 1);
  site.closedFor = "7";
  ask();
  ask();
  assert.equal(searches, 3);
});
