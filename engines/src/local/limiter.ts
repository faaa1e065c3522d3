// Holds a lease to its share of the processors without being root: its processes are stopped and
// continued in turns (SIGSTOP, SIGCONT), so that in the long run they use the share. This file
// only decides how long each turn lasts; the supervisor measures and sends the signals.
//
// A token bucket: time fills it with `share` milliseconds a millisecond, processor time empties
// it. An empty bucket stops the lease until it is paid. How long a lease runs in one turn follows
// from how many cores it keeps busy, so that the stop after it stays short: 8 busy threads on a
// quarter of a core run 5 ms and stand still for 150 ms.

/** A stop phase that the turns aim at. Below 200 ms a log or a socket still seems alive. */
const PAUSE_AIM_MS = 150;
/** After so long a stop a lease in debt runs again for a little, where that is possible. */
const PAUSE_MAX_MS = 180;
/** Shorter turns cost more in signals and timers than they bring. */
const RUN_MIN_MS = 3;
const PAUSE_MIN_MS = 10;
/** The longest turn: also the longest time in which a lease that woke up goes unseen. */
const RUN_MAX_MS = 50;
/** What an idle lease can save up, as time at its share. More would be a burst that is felt. */
const SAVED_MAX_MS = 100;
/** How fast the estimate of busy cores follows, per millisecond of running time. */
const RATE_MEMORY_MS = 100;

export interface LimiterState {
  readonly atMs: number;
  /** Processor time of the lease since its beginning. */
  readonly usedMs: number;
  /** Processor time that may be used before the next stop; negative: debt. */
  readonly balanceMs: number;
  /** Cores that the lease keeps busy while it runs, estimated. */
  readonly busyCores: number;
  /** How much later than asked the readings come, on a busy machine; estimated. */
  readonly lateMs: number;
  readonly phase: "run" | "pause";
  /** When this phase should be looked at again. */
  readonly untilMs: number;
}

/** A lease that begins to run at `nowMs` having used `usedMs` already. */
export const startLimiter = (nowMs: number, usedMs: number): LimiterState => ({
  atMs: nowMs,
  usedMs,
  balanceMs: 0,
  busyCores: 1,
  lateMs: 0,
  phase: "run",
  untilMs: nowMs + RUN_MAX_MS,
});

/** The next phase, given a reading. `share` is in cores and above 0; times never go back. */
export function nextPhase(
  before: LimiterState,
  reading: { readonly nowMs: number; readonly usedMs: number; readonly share: number },
): LimiterState {
  const { nowMs, usedMs, share } = reading;
  const wallMs = Math.max(0, nowMs - before.atMs);
  const spentMs = Math.max(0, usedMs - before.usedMs);
  const saved = before.balanceMs + share * wallMs - spentMs;
  const balanceMs = Math.min(saved, share * SAVED_MAX_MS);
  const busyCores = before.phase === "run" ? estimate(before, wallMs, spentMs) : before.busyCores;
  const lateMs = 0.8 * before.lateMs + 0.2 * Math.max(0, nowMs - before.untilMs);
  const base = { atMs: nowMs, usedMs, balanceMs, busyCores, lateMs };
  const run = (wishMs: number): LimiterState => {
    const forMs = clamp(wishMs - lateMs, RUN_MIN_MS, RUN_MAX_MS);
    return { ...base, phase: "run", untilMs: nowMs + forMs };
  };
  const pause = (forMs: number): LimiterState => {
    return { ...base, phase: "pause", untilMs: nowMs + forMs };
  };

  if (balanceMs >= 0) {
    // Using busyCores, the turn may overdraw what a stop of the aimed length pays back.
    const overdraft = Math.max(0.001, busyCores - share);
    return run((balanceMs + share * PAUSE_AIM_MS) / overdraft);
  }
  const payMs = Math.max(-balanceMs / share, PAUSE_MIN_MS);
  if (before.phase === "run" || wallMs < PAUSE_MAX_MS - PAUSE_MIN_MS) {
    return pause(Math.min(payMs, PAUSE_MAX_MS));
  }
  // Deep in debt after a long stop: run for half of what the stop brought in, so the debt still
  // shrinks. Where even the shortest turn would cost more, the stop goes on.
  const forMs = (0.5 * share * PAUSE_MAX_MS) / Math.max(busyCores, share);
  return forMs < RUN_MIN_MS + lateMs ? pause(Math.min(payMs, PAUSE_MAX_MS)) : run(forMs);
}

/** Readings come in ticks of 10 ms, so one turn says little and many say enough. */
function estimate(before: LimiterState, wallMs: number, spentMs: number): number {
  if (wallMs === 0) return before.busyCores;
  const weight = 1 - Math.exp(-wallMs / RATE_MEMORY_MS);
  return before.busyCores + weight * (spentMs / wallMs - before.busyCores);
}

const clamp = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, value));
