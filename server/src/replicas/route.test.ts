// Which replica is expected to be first: against a plain imitation of replicas that take turns.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WrittenPart } from "@tequio/contract";
import fc from "fast-check";
import { expectedMs, newPace, paceAfter, speedOf } from "./route.ts";
import { ReplicaText } from "./text.ts";

/** Turns of one token each until the last text, of `tokens`, is whole. */
function turnsOf(tokens: number, rests: readonly number[]): number {
  const left = [...rests, tokens];
  let turns = 0;
  for (;;) {
    for (let i = 0; i < left.length; i += 1) {
      if (left[i] === 0) continue;
      left[i] = left[i]! - 1;
      turns += 1;
    }
    if (left.at(-1) === 0) return turns;
  }
}

test("the expected time is that of texts that take turns", () => {
  const counts = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(counts, fc.array(counts, { maxLength: 6 }), counts, (tokens, rests, speed) => {
      const ms = (1_000 * turnsOf(tokens, rests)) / speed;
      assert.ok(Math.abs(expectedMs(tokens, rests, speed) - ms) < 1e-6);
    }),
  );
});

test("a measured speed comes near the true one, from any claim, and follows a change", () => {
  const speeds = fc.double({ min: 2, max: 2_000, noNaN: true });
  fc.assert(
    fc.property(speeds, speeds, speeds, (claimed, first, then) => {
      let [pace, nowMs] = [newPace(0), 0];
      for (const speed of [first, then]) {
        for (const endMs = nowMs + 60_000; nowMs < endMs; ) {
          nowMs += 250;
          pace = paceAfter(pace, speed / 4, 250, nowMs);
        }
        // Of the speed before, 60 s ago, 2 ** -6 is left; of the claim even less.
        const off = Math.abs(speedOf(pace, claimed, true, nowMs) - speed);
        assert.ok(off <= 0.03 * (speed + first + claimed), `${speed} is off by ${off}`);
      }
    }),
  );
});

test("what was measured of an idle replica is forgotten, so that it is tried again", () => {
  const slow = paceAfter(newPace(0), 10, 10_000, 10_000);
  assert.ok(speedOf(slow, 100, false, 10_000) < 4);
  assert.ok(speedOf(slow, 100, true, 600_000) < 4, "not while it works");
  assert.ok(speedOf(slow, 100, false, 600_000) > 90);
});

test("parts that overlap or come twice make the text that was written", async () => {
  const part = fc.record({ back: fc.nat(5), length: fc.nat(4), twice: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.array(part), async (tokens, parts) => {
      const whole = Array.from({ length: tokens }, (_, at) => (at * 7) % 50);
      const wish = { prompt: [], written: [], tokens, temperature: 1, topP: 1, seed: 1 };
      const digest = `sha256:${"0".repeat(64)}`;
      const model = { round: 1, digest, blob: digest, at: 0, parameters: 1 };
      const text = new ReplicaText({ id: "t", model, ...wish }, 1, 50);
      let came = 0;
      let taken = 0;
      const say = (from: number, to: number): void => {
        const said: WrittenPart = { id: "t", from, tokens: whole.slice(from, to) };
        taken += text.take(said);
        came = Math.max(came, Math.min(to, tokens));
      };
      for (const { back, length, twice } of parts) {
        const from = Math.max(0, came - back);
        say(from, from + length);
        if (twice) say(from, from + length);
      }
      assert.equal(taken, came);
      assert.equal(text.rest, tokens - came);
      say(came, tokens);
      const read: number[] = [];
      for await (const token of text.read(new AbortController().signal)) read.push(token);
      assert.deepEqual(read, whole);
    }),
  );
});

test("a gap, an unknown token and an early end are told after the tokens that came", async () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const model = { round: 1, digest, blob: digest, at: 0, parameters: 1 };
  const wish = { prompt: [], written: [9], tokens: 5, temperature: 1, topP: 1, seed: 1 };
  const bad: readonly (readonly [Partial<WrittenPart>, RegExp])[] = [
    [{ from: 3, tokens: [1] }, /missing/],
    [{ from: 2, tokens: [50] }, /does not exist/],
    [{ from: 2, tokens: [], over: true }, /before its last token/],
    [{ from: 2, tokens: [], over: true, error: "no memory" }, /no memory/],
  ];
  for (const [part, why] of bad) {
    const text = new ReplicaText({ id: "t", model, ...wish }, 1, 50);
    text.take({ id: "t", from: 0, tokens: [1, 2] });
    text.take({ id: "t", from: 0, tokens: [], ...part });
    const read: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const token of text.read(new AbortController().signal)) read.push(token);
    };
    await assert.rejects(reading(), why);
    assert.deepEqual(read, [1, 2]);
  }
});
