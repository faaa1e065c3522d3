// How long a job will run, from what was learned of others like it: the narrowest series that can
// answer does, and wider ones fill in what it cannot say. Never above the time limit, and without
// any history just the time limit, so that whoever plans with it is as careful as before.
import { ESTIMATES } from "./bounds.ts";
import { type RunKey, type RunSeries, seriesOf } from "./history.ts";
import { quantileOf, type Spread, spreadOf } from "./spread.ts";

/** Run time of a whole attempt, in ms: one in ten is shorter than early, one in ten than late. */
export interface RunEstimate {
  readonly earlyMs: number;
  readonly likelyMs: number;
  /** What may be counted on: nine runs in ten are over by then. The limit, if nothing is known. */
  readonly lateMs: number;
}

/** A run whose time is asked for. */
export interface TimedRun extends RunKey {
  readonly walltimeMs: number;
}

/** One run in ten is shorter. */
export const EARLY = 0.1;
/** As likely shorter as longer. */
export const LIKELY = 0.5;
/** Nine runs in ten are shorter. */
export const LATE = 0.9;

/** Rows never change, new ones take their place. */
const spreads = new WeakMap<readonly number[], Spread>();

/** A quantile in ms; `known` is false if it is only a division of what is left of the limit. */
interface Answer {
  readonly known: boolean;
  readonly ms: number;
}

export class RunTimes {
  readonly #history: ReadonlyMap<string, RunSeries>;

  /** The history must not change while this is in use. */
  constructor(history: ReadonlyMap<string, RunSeries> = new Map()) {
    this.#history = history;
  }

  /** True if nothing was learned yet: every estimate is the limit. */
  get empty(): boolean {
    return this.#history.size === 0;
  }

  /** How long the run takes in all if it has run for `ranMs` already and still does. */
  estimate(run: TimedRun, ranMs = 0): RunEstimate {
    const earlyMs = this.quantile(run, EARLY, ranMs);
    const likelyMs = Math.max(earlyMs, this.quantile(run, LIKELY, ranMs));
    return { earlyMs, likelyMs, lateMs: Math.max(likelyMs, this.lateMs(run, ranMs)) };
  }

  /** What may be counted on: the limit, where nothing is known. */
  lateMs(run: TimedRun, ranMs = 0): number {
    const { known, ms } = this.#answer(run, LATE, ranMs);
    return known ? ms : run.walltimeMs;
  }

  /**
   * Any quantile, for drawing run times. Where nothing is known every time up to the limit is as
   * likely as another, and of a run that has outlived all its like, that it takes twice as long.
   */
  quantile(run: TimedRun, p: number, ranMs = 0): number {
    return this.#answer(run, p, ranMs).ms;
  }

  #answer(run: TimedRun, p: number, ranMs: number): Answer {
    const { walltimeMs } = run;
    const within = (ms: number): number => Math.min(Math.max(ranMs, ms, 0), walltimeMs);
    let [leastMs, mostMs] = [Math.max(0, ranMs), walltimeMs];
    for (const [level, key] of this.empty ? [] : seriesOf(run).entries()) {
      const spread = this.#spreadOf(key);
      if (spread === undefined) continue;
      const unitMs = level === 0 ? 1 : walltimeMs / ESTIMATES.LIMIT_PARTS;
      const found = quantileOf(spread, p, ranMs > 0 ? ranMs / unitMs : -1);
      if (found.at === "value") {
        const ms = Math.min(Math.max(found.value * unitMs, leastMs), mostMs);
        return { known: true, ms: within(ms) };
      }
      // Not seen in this series: a wider one may tell, but it does not overrule this one.
      if (found.at === "above") leastMs = Math.max(leastMs, found.last * unitMs);
      if (found.at === "below") mostMs = Math.min(mostMs, found.first * unitMs);
    }
    // The longest of those that were seen: to go on to the limit would count it for certain.
    if (leastMs > Math.max(0, ranMs)) return { known: false, ms: within(leastMs) };
    // Longer than all of them: as long again is as likely as not (Pareto's law, as Gott 1993).
    if (ranMs > 0 && mostMs === walltimeMs) return { known: false, ms: within(ranMs / (1 - p)) };
    const toMs = p > LIKELY ? walltimeMs : Math.max(leastMs, mostMs);
    return { known: false, ms: within(leastMs + p * (toMs - leastMs)) };
  }

  #spreadOf(key: string): Spread | undefined {
    const samples = this.#history.get(key)?.samples;
    if (samples === undefined) return undefined;
    const spread = spreads.get(samples) ?? spreadOf(samples);
    spreads.set(samples, spread);
    return spread;
  }
}
