/** Outer step, clip, gate, downlink and one whole merge, against plain references. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AggregateInput, aggregate, candidate } from "./aggregate.ts";
import { clipFactors, lowerMedian, norm } from "./clip.ts";
import { decode } from "./codec/index.ts";
import { applyDownlink, difference, downlinkStep } from "./downlink.ts";
import { gatePasses } from "./gate.ts";
import { outerSettings, outerStep, outerStepInPlace, PLAIN_STEP, weightedMean } from "./outer.ts";

const smallFloats = { noNaN: true, noDefaultInfinity: true, min: -4, max: 4 } as const;
const vectors = (length: number) =>
  fc.float32Array({ ...smallFloats, minLength: length, maxLength: length });

test("the Nesterov step equals the scalar formula over several rounds", () => {
  fc.assert(
    fc.property(fc.array(vectors(3), { minLength: 1, maxLength: 6 }), (means) => {
      const { eta, mu } = outerSettings(15);
      let state = { model: Float32Array.from([1, -2, 0]), momentum: new Float32Array(3) };
      const model = [1, -2, 0];
      const momentum = [0, 0, 0];
      for (const mean of means) {
        state = outerStep(state, mean, { eta, mu }) as typeof state;
        for (let i = 0; i < 3; i += 1) {
          momentum[i] = mu * momentum[i]! + mean[i]!;
          model[i] = model[i]! - eta * (mean[i]! + mu * momentum[i]!);
          assert.ok(Math.abs(model[i]! - state.model[i]!) < 1e-4);
          assert.ok(Math.abs(momentum[i]! - state.momentum[i]!) < 1e-4);
        }
      }
    }),
  );
});

test("the rounds after a warm-up are those from its model with an empty momentum", () => {
  fc.assert(
    fc.property(vectors(3), vectors(3), vectors(3), (warmUp, first, second) => {
      const zero = new Float32Array(3);
      const warm = outerStep({ model: zero, momentum: zero }, warmUp, PLAIN_STEP);
      assert.deepEqual(warm, { model: warmUp.map((value) => 0 - value), momentum: zero });
      const settings = outerSettings(15);
      const from = (start: typeof warm) =>
        outerStep(outerStep(start, first, settings), second, settings);
      assert.deepEqual(from(warm), from({ model: warm.model, momentum: zero }));
    }),
  );
});

test("the step in place gives the same bits as on copies, which leaves its arguments alone", () => {
  fc.assert(
    fc.property(vectors(9), vectors(9), vectors(9), (model, momentum, mean) => {
      const before = [model.slice(), momentum.slice()];
      const next = outerStep({ model, momentum }, mean, outerSettings(30));
      assert.deepEqual([model, momentum], before);
      outerStepInPlace({ model, momentum }, mean, outerSettings(30));
      assert.deepEqual({ model, momentum }, next);
    }),
  );
});

test("outer momentum falls as the inner steps fall", () => {
  assert.deepEqual(outerSettings(5), { eta: 0.9, mu: 0.5 });
  assert.deepEqual(outerSettings(15), { eta: 0.7, mu: 0.8 });
  assert.deepEqual(outerSettings(30), { eta: 0.7, mu: 0.8 });
  assert.deepEqual(outerSettings(30, 20), { eta: 0.7, mu: 0.9 });
  assert.deepEqual(outerSettings(500, 80), { eta: 0.7, mu: 0.8 });
});

test("the outer step shrinks over the last eighth of a run, and never before", () => {
  assert.deepEqual(outerSettings(15, 160, 0.88), { eta: 0.7, mu: 0.8 });
  const late = [0.9, 0.94, 0.98, 1].map((progress) => outerSettings(15, 160, progress));
  // The way that a constant mean delta goes: eta / (1 - mu).
  const reach = late.map(({ eta, mu }) => eta / (1 - mu));
  assert.deepEqual(
    reach,
    reach.toSorted((a, b) => b - a),
  );
  assert.ok(reach[0]! < 3.5 && reach[3]! < 0.7);
  assert.deepEqual(outerSettings(15, 160, 2), late[3], "a run may pass its end by a little");
});

test("a contribution of zeros does not pass, whatever the losses say", () => {
  const zeros = new Float32Array(4);
  const entries = [zeros, Float32Array.of(1, 0, 0, 0)].map((delta, i) => ({
    ...{ contributionId: `c${i}`, siteId: `s${i}`, weight: 1, delta },
  }));
  const state = { model: zeros, momentum: zeros };
  const { rows, totalWeight } = runAggregate({ state, settings: outerSettings(15), entries });
  assert.deepEqual([rows[0]?.verdict, rows[0]?.reason], ["gate-failed", "it changes nothing"]);
  assert.equal(totalWeight, 1);
});

test("the mean weighs by tokens, ignores weight 0, and does not exist without weight", () => {
  const one = (value: number, weight: number, factor = 1) => ({
    delta: new Float32Array(5_000).fill(value),
    factor,
    weight,
  });
  assert.deepEqual([...new Set(weightedMean([one(1, 300), one(4, 100), one(99, 0)]))], [1.75]);
  assert.deepEqual([...new Set(weightedMean([one(8, 1, 0.5)]))], [4]);
  assert.equal(weightedMean([one(1, 0)]), undefined);
  assert.throws(() => weightedMean([one(1, 1), { ...one(1, 1), delta: new Float32Array(1) }]));
});

test("the clip is bounded by the lower median norm", () => {
  assert.equal(lowerMedian([]), undefined);
  assert.equal(lowerMedian([5]), 5);
  assert.equal(lowerMedian([7, 1]), 1);
  assert.equal(lowerMedian([4, 2, 8, 6]), 4);
  assert.deepEqual(clipFactors([10, 2, 4]), [0.4, 1, 1]);
  assert.deepEqual(clipFactors([0, 0, 5]), [1, 1, 0]);
  assert.deepEqual(clipFactors([3]), [1]);
  // Two sites that did one step each do not clip the one that did the work.
  assert.deepEqual(clipFactors([0.2, 0.4, 5, 10], [1, 1, 30, 20]), [1, 1, 1, 0.5]);
  assert.deepEqual(clipFactors([1, 4], [0, 0]), [1, 0.25]);
  assert.equal(norm(Float32Array.from([3, 4])), 5);
});

test("the gate lets a loss pass only below the old one plus the threshold", () => {
  const table: readonly [number, number, boolean][] = [
    [2, 1.9, true],
    [2, 2.019, true],
    [2, 2.021, false],
    [2, Number.NaN, false],
    [2, Infinity, false],
    [Number.NaN, 2, false],
  ];
  for (const [before, after, passes] of table) assert.equal(gatePasses(before, after), passes);
  assert.ok(gatePasses(2, 2.4, 0.5));
});

const sameValues = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

test("both ends of the downlink hold the same bits, and the exact model is caught up with", () => {
  fc.assert(
    fc.property(
      fc.array(vectors(300), { minLength: 1, maxLength: 4 }),
      fc.constantFrom("int8" as const, "int4" as const),
      (steps, codec) => {
        let exact = new Float32Array(300);
        let aggregator = new Float32Array(300);
        let site = new Float32Array(300);
        for (const step of [...steps, ...Array<Float32Array>(4).fill(new Float32Array(300))]) {
          exact = exact.map((value, i) => value + step[i]!);
          const sent = downlinkStep(codec, exact, aggregator);
          const received = applyDownlink(site, sent.bytes);
          assert.ok(received.ok);
          site = new Float32Array(received.value);
          aggregator = new Float32Array(sent.sitesCopy);
          assert.deepEqual(new Uint32Array(site.buffer), new Uint32Array(aggregator.buffer));
        }
        // Each quiet round leaves at most 1/14 of the error with int4.
        assert.ok(norm(difference(exact, site)) < 0.05);
      },
    ),
    { numRuns: 40 },
  );
});

test("a step of several windows leads where the whole does; damage in the last is seen", () => {
  const length = 2 ** 20 + 5_000;
  const before = Float32Array.from({ length }, (_, i) => Math.sin(i));
  const exact = before.map((value, i) => value + Math.cos(i) / 50);
  const { bytes, sitesCopy } = downlinkStep("int8", exact, before);
  const kept = before.slice();
  const after = applyDownlink(before, bytes);
  assert.ok(after.ok);
  assert.ok(sameValues(after.value, sitesCopy));
  assert.ok(sameValues(before, kept), "the copy of before is not changed");
  // -128 is a code that int8 never has.
  bytes[bytes.length - 1] = 0x80;
  assert.ok(!applyDownlink(before, bytes).ok);
});

test("a step for another model is refused", () => {
  const { bytes } = downlinkStep("int8", new Float32Array(3).fill(1), new Float32Array(3));
  const outcome = applyDownlink(new Float32Array(4), bytes);
  assert.ok(!outcome.ok && outcome.code === "CODEC_INVALID");
  assert.ok(!applyDownlink(new Float32Array(3), bytes.slice(1)).ok);
});

/** Squared distance to (1, 1, 1, 1): a loss whose gradient is plain to see. */
const loss = (point: Float32Array): number => point.reduce((sum, x) => sum + (x - 1) ** 2, 0) / 4;

function runAggregate(input: AggregateInput) {
  const merge = aggregate(input);
  let step = merge.next();
  while (!step.done) step = merge.next(loss(step.value));
  return step.value;
}

test("a merge keeps good deltas, and gives a reason for each one that it does not", () => {
  const good = () => new Float32Array(4).fill(-0.5);
  const decoded = decode(new Uint8Array(3));
  assert.ok(!decoded.ok);
  const entries: AggregateInput["entries"] = [
    { contributionId: "d@1", siteId: "d", weight: 10, delta: new Float32Array(4).fill(5) },
    { contributionId: "b@1", siteId: "b", weight: 30, delta: good() },
    { contributionId: "a@1", siteId: "a", weight: 10, delta: good().fill(-0.1) },
    { contributionId: "c@1", siteId: "c", weight: 10, delta: decoded },
    { contributionId: "e@1", siteId: "e", weight: 10, delta: new Float32Array(3) },
    { contributionId: "f@1", siteId: "f", weight: 10, delta: good().fill(Infinity) },
  ];
  const state = { model: new Float32Array(4), momentum: new Float32Array(4) };
  const result = runAggregate({ state, settings: PLAIN_STEP, entries });
  assert.deepEqual(
    result.rows.map((row) => [row.contributionId, row.verdict]),
    [
      ["a@1", "passed"],
      ["b@1", "passed"],
      ["c@1", "unreadable"],
      ["d@1", "gate-failed"],
      ["e@1", "unreadable"],
      ["f@1", "unreadable"],
    ],
  );
  assert.equal(result.totalWeight, 40);
  assert.ok(Math.abs(result.model[0]! - (30 * 0.5 + 10 * 0.1) / 40) < 1e-6);
  assert.equal(result.rows[3]!.clipFactor, 0.1);
  assert.ok(result.rows.every((row) => (row.verdict === "passed") === (row.reason === null)));
  assert.deepEqual(state.model, new Float32Array(4), "the input is not changed");
  assert.equal(JSON.stringify(result.rows), JSON.stringify(structuredClone(result.rows)));
});

test("the order in which contributions come does not change a bit of the merge", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 5 }),
      fc.array(vectors(4), { minLength: 5, maxLength: 5 }),
      fc.nat(4),
      (names, deltas, turn) => {
        const entries = names.map((siteId, i) => {
          return { contributionId: siteId, siteId, weight: 1 + i, delta: deltas[i]! };
        });
        const turned = [...entries.slice(turn), ...entries.slice(0, turn)].reverse();
        const state = { model: new Float32Array(4), momentum: new Float32Array(4).fill(0.1) };
        const settings = outerSettings(15);
        assert.deepEqual(
          runAggregate({ state, settings, entries: turned }),
          runAggregate({ state, settings, entries }),
        );
      },
    ),
  );
});

test("a merge of nothing leaves model and momentum as they are", () => {
  const state = { model: Float32Array.from([2]), momentum: Float32Array.from([1]) };
  const result = runAggregate({ state, settings: outerSettings(15), entries: [] });
  assert.deepEqual([...result.model, ...result.momentum, result.totalWeight], [2, 1, 0]);
  assert.deepEqual([...candidate(state.model, Float32Array.from([4]), 0.5)], [0]);
});
