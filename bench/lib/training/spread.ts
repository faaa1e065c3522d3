// Ways to spread a run over unequal sites within the same wall-clock, as a table: what each policy
// has its sites do in a round. Times are computed, not measured: a step takes in proportion to its
// rows, an exchange its bytes over the line and two round trips.
import type { Codec } from "@tequio/core/training";
import { codedBytes } from "@tequio/core/training";
import { BATCH } from "./lab.ts";

/** One policy for one setting. */
export interface Policy {
  readonly is: string;
  /** Rows and steps of a round of each site that takes part. */
  readonly sizes: (speeds: readonly number[], innerSteps: number) => readonly Size[];
  /** How long a round computes, in steps of the fastest site with a whole batch. */
  readonly roundSteps: (speeds: readonly number[], innerSteps: number) => number;
}

export interface Size {
  readonly batch: number;
  readonly steps: number;
}

const whole = (_: readonly number[], innerSteps: number): number => innerSteps;
const atLeastOne = (value: number): number => Math.max(1, Math.round(value));
const bySpeed = (speeds: readonly number[], innerSteps: number): readonly Size[] =>
  speeds.map((speed) => ({ batch: BATCH, steps: atLeastOne(innerSteps * speed) }));

export const POLICIES: Readonly<Record<string, Policy>> = {
  ours: {
    is: "the same steps for all, batch by speed",
    sizes: (speeds, steps) => speeds.map((speed) => ({ batch: atLeastOne(BATCH * speed), steps })),
    roundSteps: whole,
  },
  wait: {
    is: "the same steps and batch for all, wait for the slowest",
    sizes: (speeds, steps) => speeds.map(() => ({ batch: BATCH, steps })),
    roundSteps: (speeds, steps) => steps / Math.min(...speeds),
  },
  dylu: { is: "steps by speed (DyLU), weights by tokens", sizes: bySpeed, roundSteps: whole },
  "two-fastest": {
    is: "the two fastest sites only, steps by speed",
    sizes: (speeds, steps) => bySpeed(speeds.slice(0, 2), steps),
    roundSteps: whole,
  },
};

/** A line between a site and the aggregator. */
export interface Line {
  readonly mbitPerS: number;
  readonly rttMs: number;
}

/** Milliseconds of one exchange: the step down, the delta up, a round trip for each. */
export function exchangeMs(line: Line, parameters: number, up: Codec, down: Codec): number {
  const bits = 8 * (codedBytes(up, parameters) + codedBytes(down, parameters));
  return 2 * line.rttMs + bits / (1_000 * line.mbitPerS);
}
