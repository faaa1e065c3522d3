// Gangs that start with as many tasks as there is room for, between a least and a most. The
// scheduler plans with plain jobs of one size; this makes them, and looks for the largest that
// fits. The tasks learn their number as always, from their environment.
import type { JobSpec } from "../../pool/index.ts";
import type { WaitingView } from "../types.ts";

/** Specs never change, so what is made of them is kept with them. */
const sizes = new WeakMap<JobSpec, Map<number, JobSpec>>();

/** Fewest tasks of the job's one elastic group; undefined if its size is fixed. */
const leastOf = ({ groups }: JobSpec): number | undefined =>
  groups.length === 1 ? groups[0]!.countMin : undefined;

/** The job with so many tasks, and no more and no less. */
export function sized(spec: JobSpec, count: number): JobSpec {
  const known = sizes.get(spec) ?? new Map<number, JobSpec>();
  sizes.set(spec, known);
  let made = known.get(count);
  if (made === undefined) {
    const { countMin: _, ...group } = spec.groups[0]!;
    made = { ...spec, groups: [{ ...group, count }] };
    known.set(count, made);
  }
  return made;
}

/** The smallest form of the job: what it needs to start at all. */
export function leastSpec(spec: JobSpec): JobSpec {
  const least = leastOf(spec);
  return least === undefined ? spec : sized(spec, least);
}

/** The job in its smallest form: what it waits for, and what is stopped or counted for it. */
export const leastJob = (job: WaitingView): WaitingView => ({ ...job, spec: leastSpec(job.spec) });

/**
 * What `fit` finds for the largest size that fits; `fit` must find something for every size below
 * one for which it does. Looks at a few sizes only, by halving.
 */
export function largestFit<T>(spec: JobSpec, fit: (spec: JobSpec) => T | undefined): T | undefined {
  const most = fit(spec);
  const least = leastOf(spec);
  if (most !== undefined || least === undefined) return most;
  let best = fit(sized(spec, least));
  if (best === undefined) return undefined;
  let [low, high] = [least, spec.groups[0]!.count - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const larger = fit(sized(spec, middle));
    if (larger === undefined) high = middle - 1;
    else [low, best] = [middle, larger];
  }
  return best;
}
