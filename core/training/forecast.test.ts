// A forecast of rounds agrees with what rounds are then given, and tells which sites help.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ForecastRules,
  type ForecastSite,
  forecastRound,
  joinMs,
  paceOfSites,
} from "./forecast.ts";
import { played } from "./played.testing.ts";
import { config } from "./round/stories.testing.ts";
import { speedFromHint } from "./speed.ts";

const CONTEXT = 128;
const rules: ForecastRules = {
  parameters: 840_000,
  context: CONTEXT,
  innerSteps: 15,
  referenceBatch: 16,
  maxBatch: 32,
  batchSizes: [1, 2, 4, 8, 16, 32],
  codecDown: "int8",
  stop: { minutes: 10 },
};

const site = (siteId: string, tokensPerS: number, upMbitPerS = 1_000): ForecastSite => ({
  siteId,
  speed: speedFromHint(tokensPerS, CONTEXT),
  link: { rttMs: 20, upMbitPerS, downMbitPerS: upMbitPerS },
  transferMs: null,
});

test("a round of one site lasts its steps and its exchange", () => {
  const one = { ...site("a", 20_480), transferMs: 500 };
  const { roundMs, tokensPerSecond, parts } = forecastRound([one], rules);
  // 15 steps of 16 windows of 128 tokens at 20,480 tokens/s are 1.5 s; 0.5 s go to the exchange.
  assert.equal(parts[0]!.expectedMs, 2_000);
  assert.equal(parts[0]!.tokens, 30_720);
  assert.ok(roundMs > 2_000 && roundMs < 2_050, "and a little for the merge");
  assert.ok(Math.abs(tokensPerSecond - 30_720 / (roundMs / 1_000)) < 1e-6);
});

test("a second site as fast as the first quickens a run, one without a link does not", () => {
  const alone = forecastRound([site("a", 20_000)], rules).pace;
  const two = forecastRound([site("a", 20_000), site("b", 20_000)], rules).pace;
  assert.ok(two > 1.5 * alone && two < 2 * alone, `${two / alone}`);
  const far = forecastRound([site("a", 20_000), site("b", 20_000, 0.02)], rules);
  assert.equal(far.parts[1]!.tokens, 0);
  assert.ok(far.pace <= alone);
});

test("the fastest machine behind the worst link may make a run slower", () => {
  const near = [site("a", 10_000), site("b", 10_000)];
  const withFar = forecastRound([...near, site("far", 11_000, 0.2)], rules);
  const without = forecastRound(near, rules);
  assert.ok(withFar.roundMs > 2 * without.roundMs, `${withFar.roundMs} ${without.roundMs}`);
  assert.ok(withFar.pace < without.pace);
});

test("a site that never gets to a step makes no set look quicker", () => {
  const free = { ...rules, innerSteps: null };
  const near = [site("a", 400_000, 1_000), site("b", 200_000, 100)];
  const withIdle = [...near, site("far", 200_000, 0.02)];
  assert.equal(forecastRound(withIdle, free).parts[2]!.tokens, 0);
  assert.ok(forecastRound(withIdle, free).pace > 1.01 * forecastRound(near, free).pace);
  assert.equal(paceOfSites(withIdle, free), forecastRound(near, free).pace);
});

test("a run for tokens goes by tokens alone", () => {
  const forTokens = { ...rules, stop: { tokens: 1e9 } };
  const forecast = forecastRound([site("a", 10_000), site("b", 5_000)], forTokens);
  assert.equal(forecast.pace, forecast.tokensPerSecond);
});

test("fetching the whole model takes four bytes a parameter", () => {
  const link = { rttMs: 0, upMbitPerS: 1, downMbitPerS: 8 };
  const ms = joinMs(link, 1_000_000);
  assert.ok(ms >= 4_000 && ms < 4_010, `${ms}`);
});

test("a forecast is finite, and its parts are those of its sites", () => {
  const anySite = fc.record({
    tokensPerS: fc.double({ min: 0.01, max: 1e8, noNaN: true }),
    upMbitPerS: fc.double({ min: 0.01, max: 1e5, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.array(anySite, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(null, 5, 500),
      (all, innerSteps) => {
        const sites = all.map((one, i) => site(`s${i}`, one.tokensPerS, one.upMbitPerS));
        const forecast = forecastRound(sites, { ...rules, innerSteps });
        assert.ok(forecast.pace >= 0 && Number.isFinite(forecast.pace));
        assert.ok(Number.isFinite(forecast.roundMs) && forecast.roundMs >= 1);
        assert.deepEqual(
          forecast.parts.map(({ siteId }) => siteId),
          sites.map(({ siteId }) => siteId),
        );
        for (const part of forecast.parts) assert.ok(part.expectedMs <= forecast.roundMs);
      },
    ),
  );
});

test("what is forecast is what the round machine then does", () => {
  const anySite = fc.record({
    tokensPerS: fc.double({ min: 200, max: 50_000, noNaN: true }),
    upMbitPerS: fc.double({ min: 1, max: 1_000, noNaN: true }),
  });
  const errors: number[] = [];
  fc.assert(
    fc.property(fc.array(anySite, { minLength: 1, maxLength: 5 }), (all) => {
      const sites = all.map((one, i) => site(`s${i}`, one.tokensPerS, one.upMbitPerS));
      const { codecUp: _, ...rest } = config;
      const forRun = { ...rest, stop: { rounds: 1_000 }, gatherMs: 1 };
      const { innerSteps = null } = forRun;
      const forecast = forecastRound(sites, { ...forRun, innerSteps });
      const { ms, tokens } = played(sites, forRun);
      errors.push(Math.abs(Math.log((1_000 * tokens) / ms / forecast.tokensPerSecond)));
    }),
    { numRuns: 60, seed: 3 },
  );
  errors.sort((a, b) => a - b);
  assert.ok(errors[30]! < 0.1 && errors[54]! < 0.3, `${errors[30]} ${errors[54]} ${errors[59]}`);
});
