/** The counts beside a state: after any events they are those counted from scratch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { step } from "../round.ts";
import type { RunInput } from "./messages.ts";
import type { RunState } from "./state.ts";
import { aggregated, config, link, offer, started } from "./stories.testing.ts";
import { firstExpiry, hereSinceMs, lastReady, lateMs, tallyOf } from "./tally.ts";

/** All that is asked of a tally, in comparable form. */
function answers(state: RunState) {
  const tally = tallyOf(state);
  const last = lastReady(state, tally);
  return {
    idle: [...tally.idle].sort(),
    suspects: [...tally.suspects].sort(),
    counts: [tally.working, tally.trustedWorking, tally.workingRows],
    fresh: [tally.trustedFresh, tally.freshRows],
    expiresMs: firstExpiry(state, tally)?.expiresMs,
    lateMs: last === undefined ? undefined : lateMs(last),
    hereSinceMs: hereSinceMs(state),
  };
}

const SITES = 7;
const moves = fc.array(
  fc.record({
    kind: fc.constantFrom(
      ...(["come", "go", "offer", "offer", "offer", "bad", "merge", "wait"] as const),
    ),
    site: fc.nat(SITES - 1),
    waitMs: fc.constantFrom(0, 1, 300, 2_000, 90_000),
  }),
  { minLength: 10, maxLength: 80 },
);

/** The input of a move, if it is possible now. */
function inputOf(
  state: RunState,
  { kind, site, waitMs }: { readonly kind: string; readonly site: number; readonly waitMs: number },
): RunInput | undefined {
  const atMs = state.nowMs + waitMs;
  const siteId = `s${site}`;
  const works = state.assignments.some((one) => one.siteId === siteId);
  switch (kind) {
    case "come":
      return { type: "site.available", siteId, link, tokensPerSecondHint: 3_000 + site, atMs };
    case "go":
      return { type: "site.gone", siteId, atMs };
    case "offer":
      return works ? offer(state, siteId, atMs) : undefined;
    case "bad":
      return works ? offer(state, siteId, atMs, { bytes: 3 }) : undefined;
    case "merge": {
      if (state.phase.kind !== "aggregating") return undefined;
      return aggregated(state, atMs, { s1: "gate-failed", s2: site > 3 ? "unreadable" : "passed" });
    }
    default:
      return { type: "tick", atMs };
  }
}

test("whatever happens to a run, the counts kept beside it are those counted anew", () => {
  let merges = 0;
  fc.assert(
    fc.property(moves, (list) => {
      const state = started({ s0: 4_000, s3: 1_000, s5: 300 }, { stop: { rounds: 50 } });
      answers(state);
      for (const move of list) {
        const input = inputOf(state, move);
        if (input === undefined) continue;
        if (input.type === "round.aggregated") merges += 1;
        step(state, input);
        assert.deepEqual(answers(state), answers(structuredClone(state)));
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(merges > 20, "rounds were merged on the way");
});

test("a contribution to a round of thousands of sites does not look at each of them", () => {
  const speeds = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`s${i}`, 1_000]));
  const state = started(speeds, { data: { windows: 5_000_000, seed: config.data.seed } });
  assert.equal(state.assignments.length, 3_000);
  let reads = 0;
  const counted = (all: RunState["sites"]) =>
    new Proxy(all, {
      get(target, key, self) {
        if (typeof key === "string") reads += 1;
        return Reflect.get(target, key, self) as unknown;
      },
    });
  state.sites = counted(state.sites);
  step(state, offer(state, "s7", 500));
  reads = 0;
  step(state, offer(state, "s8", 501));
  assert.ok(reads < 1_000, `${reads} reads of the list of sites`);
});
