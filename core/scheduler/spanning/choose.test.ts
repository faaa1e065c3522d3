// The choice of sites on a small model of rounds: never worse than any other set, by steps nearly
// as good as by trying all, and the same in whatever order sites are listed.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  chooseBySteps,
  chooseExactly,
  chooseSites,
  GAIN_MIN,
  type SpanQuestion,
} from "./choose.ts";

interface ToySite {
  readonly id: string;
  readonly rowsPerS: number;
  readonly exchangeS: number;
}

/**
 * A round lasts what the fastest site needs for its batch and its exchange; others do what fits,
 * at most four times as much, and those that are late make it longer.
 */
function paceOf(sites: readonly ToySite[]): number {
  const fastest = sites.reduce((best, site) => (site.rowsPerS > best.rowsPerS ? site : best));
  const targetS = 160 / fastest.rowsPerS + fastest.exchangeS;
  let [rows, roundS] = [0, targetS];
  for (const { rowsPerS, exchangeS } of sites) {
    const done = Math.min(640, Math.max(10, (targetS - exchangeS) * rowsPerS));
    rows += done;
    roundS = Math.max(roundS, done / rowsPerS + exchangeS);
  }
  return rows / (rows + 640) / roundS;
}

const anySite = fc.record({
  rowsPerS: fc.double({ min: 0.1, max: 1_000, noNaN: true }),
  exchangeS: fc.double({ min: 0, max: 60, noNaN: true }),
});

const anySites = (maxLength: number): fc.Arbitrary<readonly ToySite[]> =>
  fc
    .array(anySite, { minLength: 1, maxLength })
    .map((all) => all.map((site, i) => ({ id: `s${i}`, ...site })));

const question = (
  candidates: readonly ToySite[],
  change: Partial<SpanQuestion<ToySite>> = {},
): SpanQuestion<ToySite> => ({
  held: [],
  candidates,
  most: Infinity,
  paceOf,
  idOf: ({ id }) => id,
  ...change,
});

/** What is compared: a site more must gain GAIN_MIN. */
const worth = (sites: readonly ToySite[]): number =>
  sites.length === 0 ? 0 : paceOf(sites) / (1 + GAIN_MIN) ** sites.length;

test("no site more, less or instead of another would bring a run to its target sooner", () => {
  fc.assert(
    fc.property(anySites(7), fc.integer({ min: 1, max: 8 }), (sites, most) => {
      const chosen = chooseSites(question(sites, { most }));
      assert.ok(chosen.length >= 1 && chosen.length <= most);
      for (let mask = 1; mask < 2 ** sites.length; mask += 1) {
        const other = sites.filter((_, i) => ((mask >> i) & 1) === 1);
        if (other.length > most) continue;
        assert.ok(worth(chosen) >= worth(other) * (1 - 1e-12));
      }
    }),
    { numRuns: 60 },
  );
});

test("a site is added to those that a run has only if it helps, and none is taken away", () => {
  fc.assert(
    fc.property(anySites(6), anySites(4), (held, candidates) => {
      const others = candidates.map((site) => ({ ...site, id: `new ${site.id}` }));
      const chosen = chooseSites(question(others, { held }));
      assert.ok(chosen.every((site) => others.includes(site)));
      assert.ok(worth([...held, ...chosen]) >= worth(held) * (1 - 1e-12));
    }),
    { numRuns: 100 },
  );
});

test("by steps and swaps a choice is nearly as good as by trying all", () => {
  let [same, all] = [0, 0];
  fc.assert(
    fc.property(anySites(9), fc.integer({ min: 1, max: 9 }), (sites, most) => {
      const exact = worth(chooseExactly(question(sites), most));
      const steps = worth(chooseBySteps(question(sites), most));
      assert.ok(steps <= exact * (1 + 1e-12) && steps >= 0.9 * exact, `${steps} of ${exact}`);
      all += 1;
      if (steps >= exact * (1 - 1e-9)) same += 1;
    }),
    { numRuns: 100, seed: 7 },
  );
  assert.ok(same >= 0.95 * all, `${same} of ${all} are the best there is`);
});

test("the order in which sites are listed does not matter, few or many", () => {
  fc.assert(
    fc.property(anySites(30), (sites) => {
      const ids = (list: readonly ToySite[]): readonly string[] =>
        chooseSites(question(list)).map(({ id }) => id);
      assert.deepEqual(ids(sites.toReversed()), ids(sites));
    }),
    { numRuns: 20 },
  );
});

test("without room for a site more, or without a candidate, none is chosen", () => {
  const site = { id: "a", rowsPerS: 1, exchangeS: 0 };
  assert.deepEqual(chooseSites(question([site], { most: 0 })), []);
  assert.deepEqual(chooseSites(question([])), []);
});

test("sites that get nowhere are tried one at a time", () => {
  const sites = ["a", "b"].map((id) => ({ id, rowsPerS: 1, exchangeS: 0 }));
  assert.equal(chooseSites(question(sites, { paceOf: () => 0 })).length, 1);
});
