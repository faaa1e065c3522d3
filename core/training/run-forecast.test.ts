// What is forecast of a whole run is what the round machine then takes, and adds up.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codedBytes } from "./codec/index.ts";
import type { ForecastSite } from "./forecast.ts";
import { played } from "./played.testing.ts";
import { config } from "./round/stories.testing.ts";
import { forecastRun, modelParameters, type RunRules } from "./run-forecast.ts";
import { speedFromHint } from "./speed.ts";

const rules: RunRules = {
  ...{ parameters: 840_000, context: 128, innerSteps: 15, referenceBatch: 16, maxBatch: 32 },
  ...{ batchSizes: [1, 2, 4, 8, 16, 32], codecDown: "int8", stop: { rounds: 20 } },
  warmUpSteps: 60,
};
const site = (siteId: string, tokensPerS: number, upMbitPerS = 100): ForecastSite => ({
  ...{ siteId, speed: speedFromHint(tokensPerS, 128), transferMs: null },
  link: { rttMs: 20, upMbitPerS, downMbitPerS: upMbitPerS },
});

test("a model's parameters are counted as the demo's 0.84 million", () => {
  const model = { vocab: 256, context: 128, width: 128, layers: 4, heads: 4 };
  assert.equal(modelParameters(model), 837_888);
});

test("time, tokens and bytes of a run add up over its rounds", () => {
  const one = forecastRun([site("a", 20_480)], rules);
  // Warm-up: 60 steps of 0.1 s, and 3.36 MB each way at 100 Mbit/s with two round trips.
  const wholeMs = (8 * 3_360_000) / 100_000;
  assert.ok(Math.abs(one.startMs - (6_000 + 2 * wholeMs + 40) - 202) < 30, `${one.startMs}`);
  assert.equal(one.rounds, 20);
  assert.equal(one.tokens, (60 + 20 * 15) * 16 * 128);
  assert.equal(one.bytesUp, 20 * codedBytes("int4", 840_000) + codedBytes("fp32", 840_000));
  assert.ok(Math.abs(one.durationMs - one.startMs - 20 * one.roundMs) < 1e-6);
  assert.ok(one.computing > 0.8 && one.computing < 1, `${one.computing}`);
});

test("a run ends by the first of its ends, never after its minutes", () => {
  const sites = [site("a", 20_000), site("b", 10_000)];
  const all = { minutes: 2, rounds: 10_000, tokens: 1e12 };
  const byTime = forecastRun(sites, { ...rules, stop: all });
  assert.equal(byTime.durationMs, 120_000);
  const byTokens = forecastRun(sites, { ...rules, stop: { tokens: 500_000 } });
  assert.ok(byTokens.tokens >= 500_000 && byTokens.tokens < 560_000, `${byTokens.tokens}`);
  const fast = forecastRun(sites, { ...rules, stop: { ...all, tokens: 500_000 } });
  assert.equal(fast.durationMs, byTokens.durationMs);
});

test("whole runs take as long as was forecast", (t) => {
  const anySite = fc.record({
    tokensPerS: fc.double({ min: 200, max: 50_000, noNaN: true }),
    upMbitPerS: fc.double({ min: 1, max: 1_000, noNaN: true }),
  });
  const errors: number[] = [];
  const { innerSteps: _, codecUp: __, ...rest } = config;
  fc.assert(
    fc.property(
      fc.array(anySite, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(0, 40),
      fc.constantFrom(null, 15, 60),
      (all, warmUpSteps, innerSteps) => {
        const sites = all.map((one, i) => site(`s${i}`, one.tokensPerS, one.upMbitPerS));
        const forRun = {
          ...{ ...rest, stop: { rounds: 1_000 }, warmUpSteps, gatherMs: 1, parameters: 200_000 },
          ...(innerSteps === null ? {} : { innerSteps }),
        };
        const { durationMs } = forecastRun(sites, { ...forRun, innerSteps, stop: { rounds: 20 } });
        errors.push(Math.abs(Math.log(played(sites, forRun).wholeMs / durationMs)));
      },
    ),
    { numRuns: 80, seed: 11 },
  );
  errors.sort((a, b) => a - b);
  const [middle, ninth] = [errors[40]!, errors[72]!];
  t.diagnostic(`error of the duration: median ${middle.toFixed(3)}, 90 % ${ninth.toFixed(3)}`);
  assert.ok(middle < 0.1 && ninth < 0.3, `${middle} ${ninth}`);
});
