// Time passes: tells the pump so, often enough for time limits and lost sites, and to the moment
// for the rounds of runs. A tick that changes nothing leaves nothing in the journal.
import { nextWakeMs } from "@tequio/core/training";
import type { Pump } from "./pump.ts";

/** Time limits and lost sites are matters of seconds. */
const IDLE_MS = 1_000;
/** While a run is under way. */
const RUN_MS = 250;
/** A moment that has passed is not waited for, but neither is it asked about without a pause. */
const WAKE_MIN_MS = 20;

export interface Ticker {
  /** Looks again at when the next tick is due: something has changed. */
  readonly retime: () => void;
  readonly stop: () => void;
}

/** Starts ticking. */
export function startTicker(pump: Pump, now: () => number): Ticker {
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let stopped = false;
  let ticking = false;
  const plan = (): void => {
    if (stopped || ticking) return;
    const waitMs = untilNext(pump, now());
    const nextMs = performance.now() + waitMs;
    if (timer !== undefined && dueMs <= nextMs) return;
    clearTimeout(timer);
    dueMs = nextMs;
    timer = setTimeout(tick, waitMs);
  };
  const tick = async (): Promise<void> => {
    timer = undefined;
    dueMs = Number.POSITIVE_INFINITY;
    ticking = true;
    // A refused tick, e.g. on a full disk, is made up for by the next one.
    await pump.submit({ type: "tick" });
    ticking = false;
    plan();
  };
  plan();
  return {
    retime: plan,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Milliseconds until the next tick is due. */
export function untilNext(pump: Pump, nowMs: number): number {
  let waitMs = IDLE_MS;
  for (const run of pump.state.runs.values()) {
    if (pump.state.jobs.get(run.jobId)?.stage === "ended") continue;
    const wakeMs = nextWakeMs(run.machine);
    const due = wakeMs === null ? RUN_MS : Math.max(WAKE_MIN_MS, wakeMs - nowMs);
    waitMs = Math.min(waitMs, RUN_MS, due);
  }
  return waitMs;
}
