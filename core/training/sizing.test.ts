/** Speeds, sizes, schedules: what a site is asked to do, and when it should be done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  chooseInnerSteps,
  codecForLink,
  learningRate,
  progressShare,
  stepRate,
} from "./schedule.ts";
import { planStretch, type SizingSite, targetRoundMs } from "./sizing.ts";
import {
  exchangeMs,
  linkMs,
  observeStep,
  observeTransfer,
  type SpeedModel,
  speedFromHint,
  stepMs,
  tokensPerSecond,
} from "./speed.ts";

/** A model that has seen a site with t(b) = a + c b at two batches. */
function measured(fixedMs: number, rowMs: number): SpeedModel {
  let model: SpeedModel | undefined;
  for (const batch of [16, 4, 8, 16, 2]) model = observeStep(model, batch, fixedMs + rowMs * batch);
  assert.ok(model !== undefined);
  return model;
}

const rules = {
  innerSteps: 15,
  referenceBatch: 16,
  batchSizes: Array.from({ length: 64 }, (_, i) => i + 1),
  maxBatch: 64,
};

test("a fit over two batch sizes finds fixed cost and cost per row", () => {
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 1, max: 80 }), (fixedMs, rowMs) => {
      const model = measured(fixedMs, rowMs);
      for (const batch of [1, 3, 16, 32]) {
        const truth = fixedMs + rowMs * batch;
        assert.ok(Math.abs(stepMs(model, batch) - truth) < 1e-6 * truth + 1e-6);
      }
    }),
  );
});

test("with one batch size the time is taken to be in proportion, and a claim is forgotten", () => {
  const claimed = speedFromHint(20_500, 128);
  assert.ok(Math.abs(stepMs(claimed, 16) - 99.9) < 0.1);
  assert.ok(Math.abs(tokensPerSecond(claimed, 7, 128) - 20_500) < 1e-6);
  const model = observeStep(observeStep(claimed, 16, 182), 16, 182);
  assert.equal(stepMs(model, 16), 182);
  assert.equal(stepMs(model, 8), 91);
});

test("a site that becomes slower is known to be slower after a few rounds", () => {
  let model = measured(10, 5);
  for (let round = 0; round < 12; round += 1) model = observeStep(model, 8, 2 * (10 + 5 * 8));
  assert.ok(Math.abs(stepMs(model, 8) - 100) < 2);
  assert.ok(stepMs(model, 4) > 50 && stepMs(model, 4) < 70, "the fixed share is kept");
});

test("noise at one batch size does not make up a slope", () => {
  let model = measured(40, 5);
  for (let round = 0; round < 30; round += 1) {
    model = observeStep(model, 16, 120 + (round % 2 === 0 ? 6 : -6));
  }
  assert.ok(Math.abs(stepMs(model, 1) - 45) < 5);
});

test("everybody ends within 10 % of the target when batch sizes allow it", () => {
  const site = fc.record({
    fixedMs: fc.integer({ min: 0, max: 20 }),
    rowMs: fc.double({ min: 3, max: 24, noNaN: true }),
    transferMs: fc.nat(300),
  });
  fc.assert(
    fc.property(fc.array(site, { minLength: 1, maxLength: 8 }), (speeds) => {
      const sites: readonly SizingSite[] = speeds.map(({ fixedMs, rowMs, transferMs }, i) => {
        return { siteId: `s${i}`, speed: measured(fixedMs, rowMs), transferMs };
      });
      const targetMs = targetRoundMs(sites, rules);
      sites.forEach((one, i) => {
        const stretch = planStretch(one, rules, targetMs);
        const { fixedMs, rowMs, transferMs } = speeds[i]!;
        const exact = ((targetMs - transferMs) / rules.innerSteps - fixedMs) / rowMs;
        if (exact < 1 || exact > 64) return;
        assert.ok(stretch !== undefined);
        const trueMs = stretch.innerSteps * (fixedMs + rowMs * stretch.batch) + transferMs;
        assert.ok(trueMs <= 1.1 * targetMs + 1e-6);
        // A whole row is more than 10 % of a small batch: then the nearest one must do.
        const rowShare = (rules.innerSteps * rowMs) / targetMs;
        const under = Math.max(0.1, rowShare);
        assert.ok(trueMs >= (1 - under) * targetMs - 1e-6, `${trueMs} of ${targetMs}`);
        if (rowShare <= 0.2) assert.ok(trueMs >= 0.9 * targetMs - 1e-6);
      });
    }),
  );
});

test("a site that cannot fit a batch of one does fewer steps, or none", () => {
  const slow = { siteId: "slow", speed: measured(0, 100), transferMs: 100 };
  const few = planStretch(slow, rules, 950);
  assert.deepEqual(few && [few.innerSteps, few.batch, Math.round(few.expectedMs)], [8, 1, 900]);
  assert.equal(planStretch(slow, rules, 150), undefined);
});

test("batches above the largest one allowed are not used", () => {
  const fast = { siteId: "fast", speed: measured(0, 1), transferMs: 0 };
  const stretch = planStretch(fast, { ...rules, maxBatch: 20, batchSizes: [32, 8, 16] }, 10_000);
  assert.equal(stretch?.batch, 16);
});

test("the time of an exchange comes from the link, then from measuring", () => {
  const link = { rttMs: 80, upMbitPerS: 10, downMbitPerS: 10 };
  assert.equal(Math.round(linkMs(link, 216_030, 425_502)), 673);
  assert.equal(observeTransfer(undefined, 500), 500);
  assert.equal(observeTransfer(500, 1_000), 650);
});

test("inner steps keep the exchange under a tenth of the round, and have a floor by size", () => {
  assert.equal(chooseInnerSteps(837_888, 100, 100), 15);
  assert.equal(chooseInnerSteps(837_888, 500, 100), 45);
  assert.equal(chooseInnerSteps(10_000_000, 0, 100), 30);
  assert.equal(chooseInnerSteps(7_000_000_000, 0, 100), 100);
  assert.equal(chooseInnerSteps(837_888, 1e9, 100), 500);
});

test("an owner's bound makes an exchange longer, never shorter, also after it was measured", () => {
  const link = { rttMs: 40, upMbitPerS: 100, downMbitPerS: 100 };
  const capped = { ...link, upCapMbitPerS: 1, downCapMbitPerS: 200 };
  assert.equal(exchangeMs(null, link, 125_000, 125_000), 10 + 10 + 80);
  assert.equal(exchangeMs(null, capped, 125_000, 125_000), 1_000 + 10 + 80);
  assert.equal(exchangeMs(300, link, 125_000, 125_000), 300);
  assert.equal(exchangeMs(300, capped, 125_000, 125_000), 1_000 + 5);
  assert.equal(exchangeMs(2_000, capped, 125_000, 125_000), 2_000);
  assert.equal(codecForLink({ upMbitPerS: 500, upCapMbitPerS: 5 }, 1e6), "ternary");
});

test("the codec follows the link", () => {
  const codecs = [5, 9.9, 10, 100, 101].map((upMbitPerS) => codecForLink({ upMbitPerS }, 1e8));
  assert.deepEqual(codecs, ["ternary", "ternary", "int4", "int4", "int8"]);
  assert.equal(codecForLink({ upMbitPerS: 9.9 }, 1e8 + 1), "topk64");
  assert.equal(codecForLink({ upMbitPerS: 10 }, 1e9), "int4", "a fast link needs no top-k");
});

test("the learning rate falls along a cosine to a tenth", () => {
  assert.equal(learningRate(4e-3, 0), 4e-3);
  assert.ok(Math.abs(learningRate(4e-3, 0.5) - 2.2e-3) < 1e-12);
  assert.ok(Math.abs(learningRate(4e-3, 1) - 4e-4) < 1e-12);
  assert.equal(learningRate(4e-3, 7), learningRate(4e-3, 1));
  assert.equal(stepRate({ start: 1, end: 0 }, 5, 10), 0.5);
  assert.deepEqual(
    [0, 9, 19, 20].map((step) => stepRate({ start: 1, end: 1 }, step, 100, 20)),
    [0.05, 0.5, 1, 1],
  );
});

test("progress counts towards the nearest end", () => {
  const at = { trainedMs: 60_000, rounds: 5, tokens: 100 };
  assert.equal(progressShare({ minutes: 10, rounds: 20, tokens: 1_000 }, at), 0.25);
  assert.equal(progressShare({ minutes: 1 }, at), 1);
  assert.equal(progressShare({}, at), 0);
});
