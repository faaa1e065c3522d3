// What is said of a played workload: waits, completion times, use, and who is worse off than on
// the machines that they own. Seconds throughout; which unit a reader sees is the report's choice.
import { clusterSlots, memberSlots } from "./cluster.ts";
import type { PlanJob, Workload } from "./jobs.ts";
import type { Played } from "./played.ts";
import type { Scenario } from "./scenario.ts";

/** Shorter jobs count as this long in the slowdown, or a few seconds of wait would rule it. */
const SLOWDOWN_FLOOR_S = 600;
/** An owner is worse off when its mean wait is more than this above what it has alone. */
const WORSE_OFF_S = 1;

export interface OwnerFigures {
  readonly owner: string;
  readonly jobs: number;
  readonly ownSlots: number;
  /** Mean over its jobs. */
  readonly waitS: number;
  /** The mean on its own machines, of the jobs that fit there; NaN for an owner without any. */
  readonly aloneS: number;
  /** How much longer the same jobs wait here, on the mean; negative: less. */
  readonly lossS: number;
  /** Mean wait and run time here over the same alone; NaN where there is no alone. */
  readonly ratio: number;
}

export interface FlowFigures {
  readonly jobs: number;
  /** Jobs that never started: they fit nowhere, or nothing ever made room. */
  readonly unstarted: number;
  readonly capacity: number;
  readonly waitMeanS: number;
  readonly waitP50S: number;
  readonly waitP95S: number;
  readonly waitMaxS: number;
  readonly jctMeanS: number;
  readonly jctP95S: number;
  readonly slowdown: number;
  /** Part of the slots that was busy between the first and the last submission, 0 to 1. */
  readonly utilisation: number;
  /** Mean part of the slots that stood idle on partly busy nodes; NaN without nodes. */
  readonly scattered: number;
  readonly makespanS: number;
  readonly preemptions: number;
  readonly lostSlotH: number;
  readonly cost: number;
  readonly owners: readonly OwnerFigures[];
  readonly worseOff: readonly string[];
  readonly worstLossS: number;
  readonly worstRatio: number;
}

/** Waits of all jobs: end less submission less run time; NaN for jobs that never ended. */
export const waitsOf = (jobs: readonly PlanJob[], { endS }: Played): Float64Array =>
  Float64Array.from(jobs, ({ submitS, durationS }, at) =>
    // Sums of large times are off by parts of a microsecond: nobody waits less than nothing.
    Number.isNaN(endS[at]!) ? Number.NaN : Math.max(0, endS[at]! - submitS - durationS),
  );

/** The figures of one scenario. `alone` are the waits of the same jobs on their owners' own. */
export function figuresOf(
  workload: Workload,
  scenario: Pick<Scenario, "cluster" | "own" | "included">,
  played: Played,
  alone: Float64Array,
): FlowFigures {
  const { jobs, unit } = workload;
  const waits = waitsOf(jobs, played);
  const counted = jobs.flatMap((_, at) => (scenario.included(jobs[at]!.owner) ? [at] : []));
  const ended = counted.filter((at) => !Number.isNaN(waits[at]!));
  const waitS = ended.map((at) => waits[at]!).sort((a, b) => a - b);
  const jctS = ended.map((at) => waits[at]! + jobs[at]!.durationS).sort((a, b) => a - b);
  const capacity = clusterSlots(scenario.cluster, unit);
  const owners = ownersOf(workload, scenario, { waits, alone, ended });
  const gains = owners.filter(({ aloneS }) => !Number.isNaN(aloneS));
  const slow = ended.map((at) => {
    const { durationS } = jobs[at]!;
    return Math.max(1, (waits[at]! + durationS) / Math.max(durationS, SLOWDOWN_FLOOR_S));
  });
  return {
    ...{ jobs: counted.length, unstarted: counted.length - ended.length, capacity },
    ...{ waitMeanS: mean(waitS), waitP50S: quantile(waitS, 0.5), waitP95S: quantile(waitS, 0.95) },
    ...{ waitMaxS: waitS.at(-1) ?? Number.NaN, jctMeanS: mean(jctS) },
    ...{ jctP95S: quantile(jctS, 0.95), slowdown: mean(slow) },
    utilisation: capacity === 0 ? Number.NaN : played.busy.mean() / capacity,
    scattered: played.scattered === undefined ? Number.NaN : played.scattered.mean() / capacity,
    makespanS: ended.reduce((max, at) => Math.max(max, played.endS[at]!), 0),
    ...{ preemptions: played.preemptions, lostSlotH: played.lostSlotS / 3_600 },
    ...{ cost: played.cost, owners },
    worseOff: gains.filter(({ lossS }) => lossS > WORSE_OFF_S).map(({ owner }) => owner),
    worstLossS: Math.max(...gains.map(({ lossS }) => lossS)),
    worstRatio: Math.max(...gains.map(({ ratio }) => ratio)),
  };
}

function ownersOf(
  { jobs, owners, unit }: Workload,
  { own, included }: Pick<Scenario, "own" | "included">,
  by: {
    readonly waits: Float64Array;
    readonly alone: Float64Array;
    readonly ended: readonly number[];
  },
): OwnerFigures[] {
  const sums = new Map(
    owners.map((owner) => [owner, { jobs: 0, both: 0, wait: 0, here: 0, alone: 0, run: 0 }]),
  );
  for (const at of by.ended) {
    const { owner, durationS } = jobs[at]!;
    const sum = sums.get(owner)!;
    sum.jobs += 1;
    sum.wait += by.waits[at]!;
    if (Number.isNaN(by.alone[at]!)) continue;
    // Like is compared with like: jobs that do not fit the owner's own machines have no alone.
    sum.both += 1;
    sum.here += by.waits[at]!;
    sum.alone += by.alone[at]!;
    sum.run += durationS;
  }
  return owners.filter(included).map((owner): OwnerFigures => {
    const sum = sums.get(owner)!;
    const member = own.members.find(({ name }) => name === owner);
    return {
      ...{ owner, jobs: sum.jobs },
      ownSlots: member === undefined ? 0 : memberSlots(member, unit),
      waitS: sum.wait / sum.jobs,
      aloneS: sum.both === 0 ? Number.NaN : sum.alone / sum.both,
      lossS: sum.both === 0 ? Number.NaN : (sum.here - sum.alone) / sum.both,
      ratio: sum.both === 0 ? Number.NaN : (sum.here + sum.run) / (sum.alone + sum.run),
    };
  });
}

/** The mean; NaN of nothing. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Entry floor(n q) of a sorted list; NaN of nothing. */
export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
