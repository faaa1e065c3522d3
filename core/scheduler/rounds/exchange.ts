// Exchanges of kinds among chosen jobs: one job moves to a kind where it is worth more, and the
// jobs that must make room for it move the other way. Unlike pairwise swaps this lets one wide job
// trade places with several narrow ones, and uses accelerators that were left free. A local search:
// it ends when no single exchange gains, not when the whole is best.
import { NO_KIND, type RoundJobs } from "./types.ts";

/** Passes over all chosen jobs. A fifth finds almost nothing any more. */
const PASSES_MAX = 4;
/** An exchange must gain more than this (of one job at full speed), or rounding would go on. */
const GAIN_MIN = 1e-4;

export interface Exchange {
  readonly jobs: RoundJobs;
  /** The chosen jobs; each has a kind in `jobs.kind`. */
  readonly chosen: readonly number[];
  /** Free accelerators of each kind; changed along with `jobs.kind`. */
  readonly free: number[];
  /** What a chosen job is worth on a kind: `value[place in chosen * kinds + kind]`; 0: nothing. */
  readonly value: Float64Array;
}

interface Step {
  readonly to: number;
  /** Places in `chosen` of the jobs that make room. */
  readonly others: readonly number[];
  readonly gain: number;
}

/** Exchanges kinds while the total value rises. Who runs does not change, only on what. */
export function exchangeKinds(exchange: Exchange): void {
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    let changed = false;
    for (let at = 0; at < exchange.chosen.length; at += 1) {
      const step = bestStep(exchange, at);
      if (step === undefined) continue;
      apply(exchange, at, step);
      changed = true;
    }
    if (!changed) return;
  }
}

function bestStep(exchange: Exchange, at: number): Step | undefined {
  const { jobs, chosen, free, value } = exchange;
  const count = free.length;
  const from = jobs.kind[chosen[at]!]!;
  const here = value[at * count + from]!;
  let best: Step | undefined;
  for (let to = 0; to < count; to += 1) {
    const gain = value[at * count + to]! - here;
    const least = best?.gain ?? GAIN_MIN;
    if (to === from || gain <= least) continue;
    const need = jobs.gpus[chosen[at]!]! - free[to]!;
    const step = need <= 0 ? { to, others: [], gain } : makeRoom(exchange, at, to, gain, least);
    if (step !== undefined) best = step;
  }
  return best;
}

/** Who moves the other way at the least loss per accelerator; undefined if it costs too much. */
function makeRoom(
  { jobs, chosen, free, value }: Exchange,
  at: number,
  to: number,
  gain: number,
  least: number,
): Step | undefined {
  const count = free.length;
  const from = jobs.kind[chosen[at]!]!;
  let need = jobs.gpus[chosen[at]!]! - free[to]!;
  let room = jobs.gpus[chosen[at]!]! + free[from]!;
  const candidates: { readonly other: number; readonly loss: number; readonly per: number }[] = [];
  for (let other = 0; other < chosen.length; other += 1) {
    const job = chosen[other]!;
    if (jobs.kind[job] !== to || jobs.gpus[job]! > room) continue;
    const there = value[other * count + from]!;
    if (there === 0) continue;
    const loss = value[other * count + to]! - there;
    candidates.push({ other, loss, per: loss / jobs.gpus[job]! });
  }
  candidates.sort((a, b) => a.per - b.per);
  const others: number[] = [];
  let left = gain;
  for (const { other, loss } of candidates) {
    const gpus = jobs.gpus[chosen[other]!]!;
    if (gpus > room) continue;
    others.push(other);
    left -= loss;
    need -= gpus;
    room -= gpus;
    if (left <= least) return undefined;
    if (need <= 0) return { to, others, gain: left };
  }
  return undefined;
}

function apply({ jobs, chosen, free }: Exchange, at: number, { to, others }: Step): void {
  const from = jobs.kind[chosen[at]!]!;
  for (const [place, kind] of [[at, to], ...others.map((other) => [other, from])]) {
    const job = chosen[place!]!;
    const was = jobs.kind[job]!;
    if (was !== NO_KIND) free[was]! += jobs.gpus[job]!;
    jobs.kind[job] = kind!;
    free[kind!]! -= jobs.gpus[job]!;
  }
}
