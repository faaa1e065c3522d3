// The choice of sites, judged by rounds that are then really played: what is chosen is not behind
// taking every site, and far ahead where a bad link would have slowed all.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseSites } from "../scheduler/spanning/choose.ts";
import { type ForecastRules, type ForecastSite, forecastRound } from "../training/forecast.ts";
import { speedFromHint } from "../training/index.ts";
import { played } from "../training/played.testing.ts";
import { config } from "../training/round/stories.testing.ts";

const { codecUp: _up, innerSteps: _steps, ...free } = config;
const run = { ...free, parameters: 1_000_000, stop: { rounds: 1_000 } };
const rules: ForecastRules = { ...run, innerSteps: null };

const anySite = fc.record({
  tokensPerS: fc.double({ min: 200, max: 20_000, noNaN: true }),
  // From a bad phone line to a campus network, as many of each order of magnitude.
  logMbit: fc.double({ min: -1, max: 3, noNaN: true }),
});

/** Way to the target done in a second, from what was played, by the formula of the forecast. */
function pacePlayed(sites: readonly ForecastSite[]): number {
  const { ms, tokens, rounds, innerSteps } = played(sites, run);
  const steps = rounds * innerSteps;
  const batch = tokens / (steps * run.context);
  return (steps * batch) / (batch + 4 * run.referenceBatch) / ms;
}

test("played out, chosen sites are not behind all sites, and often far ahead", () => {
  const gains: number[] = [];
  fc.assert(
    fc.property(fc.array(anySite, { minLength: 2, maxLength: 6 }), (all) => {
      const sites = all.map(({ tokensPerS, logMbit }, i): ForecastSite => {
        const mbit = 10 ** logMbit;
        return {
          siteId: `s${i}`,
          speed: speedFromHint(tokensPerS, run.context),
          link: { rttMs: 20, upMbitPerS: mbit, downMbitPerS: mbit },
          transferMs: null,
        };
      });
      const chosen = chooseSites<ForecastSite>({
        ...{ held: [], candidates: sites, most: Infinity },
        paceOf: (some) => forecastRound(some, rules).pace,
        idOf: ({ siteId }) => siteId,
      });
      if (chosen.length < sites.length) gains.push(pacePlayed(chosen) / pacePlayed(sites));
    }),
    { numRuns: 80, seed: 11 },
  );
  gains.sort((a, b) => a - b);
  assert.ok(gains.length >= 20, `${gains.length} choices left a site out`);
  // A slow site may decide when a quorum is there, and so what comes late: that is not forecast.
  const few = gains[Math.ceil(gains.length / 10)]!;
  assert.ok(gains[0]! > 0.8 && few > 0.95, `hardly ever behind: ${gains[0]} ${few}`);
  const mean = Math.exp(gains.reduce((sum, gain) => sum + Math.log(gain), 0) / gains.length);
  assert.ok(
    mean > 1.05 && gains.at(-1)! > 5,
    `ahead: ${mean} in the mean, ${gains.at(-1)} at most`,
  );
});
