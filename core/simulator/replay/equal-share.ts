// The equal-share run of protocol B (B.4): every active job has the same part of every kind, time
// continuous. A job's rate is its own constant times a factor that depends on its width and on the
// number of active jobs only, so one virtual clock per width and a heap per clock replay it.
import { Times } from "../../scheduler/shares/index.ts";
import type { KindTrace } from "./kinds-jobs.ts";

interface Clock {
  readonly gpus: number;
  /** How far this clock has come: the integral of its factor over time. */
  virtual: number;
  /** Jobs by the reading at which they end. */
  readonly ends: Times;
}

/**
 * End time of every job in seconds; NaN for those that have not ended when the last of `until`
 * (a job number) and all before it have. Clairvoyant by nature: it is a yardstick, not a policy.
 */
export function replayEqualShare(trace: KindTrace, until: number): Float64Array {
  const { gpus, arrivalS, totalSteps } = trace;
  const endS = new Float64Array(gpus.length).fill(Number.NaN);
  const capacity = trace.kinds.reduce((sum, { count }) => sum + count, 0);
  const clocks = new Map<number, Clock>();
  let [nowS, arrived, active, left] = [0, 0, 0, until + 1];
  const factor = (clock: Clock): number => Math.min(1 / capacity, 1 / (active * clock.gpus));
  while (left > 0) {
    let nextS = arrived < gpus.length ? arrivalS[arrived]! : Infinity;
    let ending: Clock | undefined;
    for (const clock of clocks.values()) {
      const atS = nowS + (clock.ends.nextS - clock.virtual) / factor(clock);
      if (atS < nextS) [nextS, ending] = [atS, clock];
    }
    if (nextS === Infinity) break;
    for (const clock of clocks.values()) {
      if (active > 0) clock.virtual += (nextS - nowS) * factor(clock);
    }
    nowS = nextS;
    if (ending === undefined) {
      const width = gpus[arrived]!;
      const clock = clocks.get(width) ?? { gpus: width, virtual: 0, ends: new Times() };
      clocks.set(width, clock);
      clock.ends.push(
        arrived,
        clock.virtual + totalSteps[arrived]! / weightedSpeed(trace, arrived),
      );
      arrived += 1;
      active += 1;
    } else {
      const job = ending.ends.pop();
      endS[job] = nowS;
      active -= 1;
      if (job <= until) left -= 1;
    }
  }
  return endS;
}

/** The sum over kinds of accelerators x speed. */
function weightedSpeed({ kinds, speed }: KindTrace, job: number): number {
  return kinds.reduce((sum, { count }, kind) => sum + count * speed[job * kinds.length + kind]!, 0);
}
