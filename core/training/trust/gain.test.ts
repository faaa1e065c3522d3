/** The gain test: who helps, who does not, and who must never be suspected. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GAIN_ROUNDS, gainShares, helpsEnough, nextGain, type Tried } from "./gain.ts";

const tried = (gains: readonly (number | null)[], weights?: readonly number[]): readonly Tried[] =>
  gains.map((gain, i) => {
    const weight = weights?.[i] ?? 1;
    const total = (weights ?? gains.map(() => 1)).reduce((sum, one) => sum + one, 0);
    const step = Math.min(0.5, weight / total);
    const lossAfter = gain === null ? null : 2 - gain * step;
    return { siteId: `s${i}`, weight, lossBefore: 2, lossAfter };
  });

const after = (rounds: readonly (readonly Tried[])[], siteId: string) => {
  let gain: number | undefined;
  let seen = 0;
  for (const round of rounds) {
    const share = gainShares(round).get(siteId);
    if (share === undefined) continue;
    gain = nextGain(gain, share);
    seen += 1;
  }
  return { gain: gain!, seen };
};

test("noise, which helps nobody, is found within the rounds that the test needs", () => {
  const round = tried([0.1, 0.12, 0.09, 0.002]);
  const { gain, seen } = after(
    Array.from({ length: GAIN_ROUNDS }, () => round),
    "s3",
  );
  assert.equal(helpsEnough(gain, seen), false);
  assert.equal(helpsEnough(gain, seen - 1), true, "a few rounds prove nothing");
});

test("an honest site is trusted however small its batch and however other its text", () => {
  const share = fc.double({ min: 0.5, max: 1.5, noNaN: true });
  const sites = fc.tuple(share, share, share, share);
  const rounds = fc.array(sites, { minLength: 30, maxLength: 30 });
  fc.assert(
    fc.property(rounds, (all) => {
      const seen = all.map((gains) =>
        tried(
          gains.map((gain) => 0.05 * gain),
          [16, 8, 4, 2],
        ),
      );
      for (const siteId of ["s0", "s1", "s2", "s3"]) {
        const result = after(seen, siteId);
        assert.ok(helpsEnough(result.gain, result.seen), `${siteId} ${result.gain}`);
      }
    }),
  );
});

test("a heavy site's long step, which gains less for each unit, is no reason for suspicion", () => {
  // Steps of 0.5, 0.25, 0.15 and 0.1: the heavy one's end point is so noisy that most is lost.
  const round = tried([0.01, 0.1, 0.1, 0.1], [10, 5, 3, 2]);
  assert.ok(Math.abs(gainShares(round).get("s0")! - 1 / 3) < 1e-9, "0.005 beside 0.015");
  const light = tried([0.1, 0.1, 0.1, 0.1], [100, 100, 100, 1]);
  assert.ok(gainShares(light).get("s3")! > 0.9, "nor is a light site's short step");
  assert.ok(gainShares(tried([0, 0.1, 0.1, 0.1], [10, 5, 3, 2])).get("s0")! < 0.01);
});

test("one round of no use, or of harm, is forgotten", () => {
  const good = tried([0.1, 0.1, 0.1, 0.1]);
  const bad = tried([0.1, 0.1, 0.1, -1]);
  const { gain, seen } = after([...Array.from({ length: 9 }, () => good), bad, good], "s3");
  assert.ok(helpsEnough(gain, seen));
});

test("a round that helps nobody, or has two contributions, says nothing of anybody", () => {
  assert.equal(gainShares(tried([0.1, -0.1])).size, 0);
  assert.equal(gainShares(tried([-0.1, -0.2, -0.1, -0.3])).size, 0);
  assert.equal(gainShares([]).size, 0);
});

test("a loss that is not a number counts as the worst there is", () => {
  const shares = gainShares(tried([0.1, 0.1, null]));
  assert.equal(shares.get("s2"), -1.5);
  assert.equal(shares.get("s0"), 1);
});

test("three bad sites of nine do not move the middle to themselves", () => {
  const shares = gainShares(tried([0.1, 0.11, 0.09, 0.1, 0.12, 0.08, -9, 0, 0.001]));
  assert.ok(shares.get("s0")! > 0.8 && shares.get("s8")! < 0.1);
});
