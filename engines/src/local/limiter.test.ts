// The limiter against made-up jobs on a made-up clock: shares hold in the long run.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LimiterState, nextPhase, startLimiter } from "./limiter.ts";

interface Played {
  readonly usedCores: number;
  readonly longestPauseMs: number;
  readonly pauses: number;
}

/** Plays a job with so many busy threads for a while; `lateMs` is how late timers fire. */
function play(share: number, threads: number, forMs: number, lateMs = 0): Played {
  let state: LimiterState = startLimiter(0, 0);
  let nowMs = 0;
  let usedMs = 0;
  let longestPauseMs = 0;
  let pauseMs = 0;
  let pauses = 0;
  while (nowMs < forMs) {
    const wallMs = state.untilMs - nowMs + lateMs;
    if (state.phase === "run") usedMs += wallMs * threads;
    pauseMs = state.phase === "pause" ? pauseMs + wallMs : 0;
    longestPauseMs = Math.max(longestPauseMs, pauseMs);
    nowMs += wallMs;
    // The kernel tells ticks of 10 ms.
    const next = nextPhase(state, { nowMs, usedMs: Math.floor(usedMs / 10) * 10, share });
    if (next.phase === "pause" && state.phase === "run") pauses += 1;
    state = next;
  }
  return { usedCores: usedMs / nowMs, longestPauseMs, pauses };
}

test("one busy thread gets a quarter of a core within 5 in 100", () => {
  const { usedCores, longestPauseMs } = play(0.25, 1, 60_000);
  assert.ok(Math.abs(usedCores / 0.25 - 1) < 0.05, `used ${usedCores}`);
  assert.ok(longestPauseMs <= 200, `paused ${longestPauseMs}`);
});

test("any busy job uses its share in the long run, whatever its threads and late timers", () => {
  const share = fc.double({ min: 0.1, max: 4, noNaN: true });
  const threads = fc.integer({ min: 1, max: 32 });
  const lateMs = fc.integer({ min: 0, max: 20 });
  const holds = (wanted: number, busy: number, late: number): void => {
    if (busy <= wanted) return;
    const { usedCores } = play(wanted, busy, 600_000, late);
    assert.ok(Math.abs(usedCores / wanted - 1) < 0.05, `used ${usedCores}`);
  };
  fc.assert(fc.property(share, threads, lateMs, holds), { numRuns: 60 });
});

test("stops stay short while the threads fit the turns", () => {
  for (const threads of [1, 2, 4, 8]) {
    const { longestPauseMs } = play(0.25, threads, 30_000);
    assert.ok(longestPauseMs <= 200, `${threads} threads paused ${longestPauseMs}`);
  }
});

test("a job that uses less than its share is never stopped", () => {
  assert.equal(play(2, 1, 30_000).pauses, 0);
});

test("time slept is not saved up beyond a short burst", () => {
  const idle = nextPhase(startLimiter(0, 0), { nowMs: 3_600_000, usedMs: 0, share: 0.5 });
  assert.equal(idle.balanceMs, 50);
});

test("a job deep in debt runs a little between stops and still pays", () => {
  let state: LimiterState = { ...startLimiter(0, 0), balanceMs: -1_000, phase: "pause" };
  let usedMs = 0;
  let ran = 0;
  for (let turn = 0; turn < 100 && state.balanceMs < 0; turn += 1) {
    if (state.phase === "run") {
      usedMs += state.untilMs - state.atMs;
      ran += 1;
    }
    state = nextPhase(state, { nowMs: state.untilMs, usedMs, share: 0.25 });
  }
  assert.ok(state.balanceMs >= 0 && ran > 5, `balance ${state.balanceMs} after ${ran} turns`);
});
