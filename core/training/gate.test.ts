// The gate's steps: how far a contribution is tried, and what that accepts and refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregate } from "./aggregate.ts";
import { GATE_THRESHOLD_NATS, gateSteps } from "./gate.ts";
import { PLAIN_STEP } from "./outer.ts";

test("a contribution is tried by its share of the weights, and by half at most", () => {
  assert.deepEqual(gateSteps([1, 1, 1, 1]), [0.25, 0.25, 0.25, 0.25]);
  assert.deepEqual(gateSteps([8, 1, 1, 0]), [0.5, 0.1, 0.1, 0.25]);
  assert.deepEqual(gateSteps([5]), [0.5]);
  assert.deepEqual(gateSteps([0]), [0.5]);
});

/** Loss 0.5 |x - 1|^2 around the optimum of ones, in 100 dimensions. */
const loss = (x: Float32Array): number => x.reduce((sum, value) => sum + (value - 1) ** 2 / 2, 0);

function verdicts(deltas: readonly Float32Array[]): readonly string[] {
  const model = new Float32Array(100).fill(0.9);
  const momentum = new Float32Array(100);
  const entries = deltas.map((delta, i) => {
    const siteId = `s${i}`;
    return { contributionId: `${siteId}@1`, siteId, weight: 1, delta };
  });
  const work = aggregate({ state: { model, momentum }, settings: PLAIN_STEP, entries });
  let asked = work.next();
  while (asked.done !== true) asked = work.next(loss(asked.value));
  return asked.value.rows.map((row) => row.verdict);
}

test("honest noise passes where a wrong direction of the same size is refused", () => {
  // A delta points uphill: towards the optimum it is negative. The noise on it is twice as large,
  // so that tried whole it would raise the loss beyond the threshold, and be refused.
  const honest = new Float32Array(100).map((_, i) => -0.05 + (i % 2 === 0 ? 0.1 : -0.1));
  const model = new Float32Array(100).fill(0.9);
  const whole = loss(model.map((value, i) => value - honest[i]!)) - loss(model);
  assert.ok(whole > GATE_THRESHOLD_NATS, `tried whole it changes the loss by ${whole}`);
  const wrong = honest.map((value) => -value);
  assert.deepEqual(verdicts([honest, honest, honest, wrong]), [
    "passed",
    "passed",
    "passed",
    "gate-failed",
  ]);
});
