// The policies that see a cluster as one flat number of slots, without nodes and models: the usual
// baselines, and the shares that production's rules of ownership were found with.
import { SharesPlan } from "../../scheduler/index.ts";
import { type EasyOrder, replayEasy } from "../replay/owners-easy.ts";
import { replayShared } from "../replay/owners-shared.ts";
import type { OwnerTrace } from "../traces/philly.ts";
import type { PlanJob } from "./jobs.ts";
import { Meter } from "./meter.ts";
import { nothingPlayed, type Played } from "./played.ts";

export const FLAT_POLICIES = ["shares", "easy", "fcfs", "shortest-gpu-time"] as const;
export type FlatPolicy = (typeof FLAT_POLICIES)[number];

export interface FlatCase {
  readonly jobs: readonly PlanJob[];
  readonly owners: readonly string[];
  /** Slots of the whole pool. */
  readonly capacity: number;
  /** Slots that each of `owners` would have alone. */
  readonly ownSlots: readonly number[];
  readonly lossS: number;
  /** Seconds that are drawn; what comes later counts in sums only. */
  readonly spanS: number;
  readonly onProgress?: (arrived: number) => void;
}

/** Jobs told between two reports of progress. */
const PROGRESS_EVERY = 1_000;

/** Plays the jobs; each must fit into the capacity. */
export function playFlat(policy: FlatPolicy, one: FlatCase): Played {
  if (one.jobs.length === 0) return nothingPlayed(0, one.spanS);
  const trace = columnsOf(one);
  if (policy === "shares") return playShares(trace, one);
  const order: EasyOrder = policy === "shortest-gpu-time" ? policy : "fcfs";
  const jobs = Int32Array.from(one.jobs.keys());
  const startS = replayEasy(trace, jobs, one.capacity, order, {
    ...(policy === "fcfs" ? { positions: 1 } : {}),
    ...(one.onProgress === undefined ? {} : { onProgress: one.onProgress }),
  });
  const endS = startS.map((from, job) => from + trace.durationS[job]!);
  const busy = new Meter(one.spanS);
  startS.forEach((from, job) => {
    busy.add(from, endS[job]!, trace.gpus[job]!);
  });
  return { ...nothingPlayed(0, one.spanS), startS, endS, busy, cost: Number.NaN };
}

function playShares(trace: OwnerTrace, one: FlatCase): Played {
  const { capacity, lossS, onProgress } = one;
  const busy = new Meter(one.spanS);
  const policy = new SharesPlan({ capacity, ownCapacity: one.ownSlots, lossS });
  let told = 0;
  const replay = replayShared(
    trace,
    {
      ...{ capacity, lossS },
      onRan: (job, fromS, toS) => busy.add(fromS, toS, trace.gpus[job]!),
      onProgress: (arrived) => {
        if (arrived < told) return;
        told = arrived + PROGRESS_EVERY;
        onProgress?.(arrived);
      },
    },
    policy,
  );
  return {
    ...nothingPlayed(0, one.spanS),
    ...{ startS: replay.firstStartS, endS: replay.endS, busy, cost: Number.NaN },
    preemptions: replay.preemptions,
    lostSlotS: replay.lostGpuH * 3_600,
  };
}

function columnsOf({ jobs, owners }: FlatCase): OwnerTrace {
  const index = new Map(owners.map((name, at) => [name, at]));
  return {
    submitS: Float64Array.from(jobs, (job) => job.submitS),
    durationS: Float64Array.from(jobs, (job) => job.durationS),
    gpus: Int32Array.from(jobs, (job) => job.request.width),
    owner: Int32Array.from(jobs, (job) => index.get(job.owner) ?? 0),
    owners,
  };
}
