// The control plane's clock: milliseconds since 1970 that never go back. It reads the wall clock
// once and then follows the machine's monotonic one, so that a corrected wall clock neither ends
// leases early nor lets time in the journal stand still.

export interface Clock {
  /** Whole milliseconds since 1970; never less than before. */
  readonly now: () => number;
  /** Sets the clock forward to at least this time, e.g. that of the last event. */
  readonly atLeast: (ms: number) => void;
}

/** A clock over a wall clock and a monotonic one, both in milliseconds. */
export function makeClock(
  wall: () => number = Date.now,
  monotonic: () => number = () => performance.now(),
): Clock {
  let base = wall() - monotonic();
  let last = 0;
  const now = (): number => {
    last = Math.max(last, Math.floor(base + monotonic()));
    return last;
  };
  const atLeast = (ms: number): void => {
    if (now() < ms) base = ms - monotonic();
  };
  return { now, atLeast };
}
