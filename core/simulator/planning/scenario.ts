// Scenarios of a cluster: as it is, without a member, with only some owners in the pool, with less
// of everything. A scenario is a partition of the members; each part is a pool of its own and is
// played apart, and an owner's jobs go where the owner's machines are.
import { feasibleEver } from "../../scheduler/index.ts";
import { type Cluster, clusterSlots, memberSlots, onlyMembers, scaleCluster } from "./cluster.ts";
import { FLAT_POLICIES, type FlatPolicy, playFlat } from "./flat.ts";
import type { PlanJob, PlanRequest, Workload } from "./jobs.ts";
import { mergePlayed, nothingPlayed, type Played } from "./played.ts";
import { playPool } from "./pool.ts";
import { PoolNodes } from "./pool-nodes.ts";
import { jobSpecOf } from "./pool-queue.ts";

/** `pool` is the production scheduler. */
export const FLOW_POLICIES = ["pool", ...FLAT_POLICIES] as const;
export type FlowPolicy = (typeof FLOW_POLICIES)[number];

/** What each policy knows and does, in words. */
export const FLOW_POLICY_MEANS: Readonly<Record<FlowPolicy, string>> = {
  pool: "the production scheduler: owners first, fair share, placement on nodes; no durations",
  shares: "owners first, then least service; preempts; no nodes, no durations",
  easy: "first come first served with EASY backfill, which knows durations; no nodes",
  fcfs: "first come first served, strictly in order; no nodes",
  "shortest-gpu-time": "shortest work first with EASY backfill; knows durations; no nodes",
};

export type WhatIf =
  | { readonly kind: "without"; readonly members: readonly string[] }
  | { readonly kind: "pool"; readonly members: readonly string[] }
  | { readonly kind: "scale"; readonly factor: number };

export interface Scenario {
  readonly name: string;
  /** The machines that there are. */
  readonly cluster: Cluster;
  /** Pools by the names of their members; those without machines go to the first. */
  readonly pools: readonly (readonly string[])[];
  /** The machines by which "alone" is measured: always those of the cluster as it is. */
  readonly own: Cluster;
  /** Whether jobs of an owner are there at all. */
  readonly included: (owner: string) => boolean;
}

/** The cluster as it is, all members in one pool. */
export const baseline = (cluster: Cluster): Scenario => ({
  name: "as it is",
  ...{ cluster, own: cluster, pools: [namesOf(cluster)], included: () => true },
});

/** One change to the cluster as it is. */
export function scenarioOf(cluster: Cluster, what: WhatIf): Scenario {
  const as = baseline(cluster);
  switch (what.kind) {
    case "without": {
      const gone = new Set(what.members);
      const stay = new Set(namesOf(cluster).filter((name) => !gone.has(name)));
      const name = `without ${what.members.join(", ")}`;
      const included = (owner: string): boolean => !gone.has(owner);
      return { ...as, name, cluster: onlyMembers(cluster, stay), pools: [[...stay]], included };
    }
    case "pool": {
      const pooled = new Set(what.members);
      const alone = namesOf(cluster).filter((name) => !pooled.has(name));
      const name = `only ${what.members.join(" + ")} pooled`;
      return { ...as, name, pools: [[...pooled], ...alone.map((one) => [one])] };
    }
    case "scale": {
      const name = `${Math.round(what.factor * 1_000) / 10} % of the nodes`;
      return { ...as, name, cluster: scaleCluster(cluster, what.factor) };
    }
    default:
      return what satisfies never;
  }
}

const namesOf = ({ members }: Cluster): readonly string[] => members.map(({ name }) => name);

export interface PlayOptions {
  readonly lossS: number;
  readonly passS: number;
  readonly limitS: number;
  readonly onProgress?: (done: number) => void;
}

/** Plays all pools of a scenario. Jobs that fit nowhere in their pool never start. */
export function playScenario(
  workload: Workload,
  scenario: Scenario,
  policy: FlowPolicy,
  options: PlayOptions,
): Played {
  const spanS = spanOf(workload);
  let before = 0;
  const parts = scenario.pools.map((members, at) => {
    const cluster = onlyMembers(scenario.cluster, new Set(members));
    const here = new Set(members);
    const machines = new Set(namesOf(scenario.own));
    const belongs = ({ owner }: PlanJob): boolean =>
      here.has(owner) || (at === 0 && !machines.has(owner));
    const fits = fitter(workload, cluster, policy);
    const jobs = [...workload.jobs.keys()].filter((job) => {
      const one = workload.jobs[job]!;
      return scenario.included(one.owner) && belongs(one) && fits(one);
    });
    const told = before;
    const onProgress = (done: number): void => options.onProgress?.(told + done);
    const played = playPart(
      workload,
      { jobs, cluster, own: scenario.own, policy },
      {
        ...options,
        ...{ onProgress, spanS },
      },
    );
    before += jobs.length;
    return { jobs, played };
  });
  return mergePlayed(workload.jobs.length, spanS, parts);
}

function playPart(
  workload: Workload,
  part: {
    readonly jobs: readonly number[];
    readonly cluster: Cluster;
    readonly own: Cluster;
    readonly policy: FlowPolicy;
  },
  options: PlayOptions & { readonly spanS: number },
): Played {
  const { unit, owners } = workload;
  const { cluster, policy } = part;
  const jobs = part.jobs.map((job) => workload.jobs[job]!);
  if (jobs.length === 0) return nothingPlayed(0, options.spanS);
  if (policy === "pool") return playPool({ ...options, jobs, cluster, unit });
  const here = new Set(namesOf(cluster));
  const ownSlots = owners.map((owner) => {
    const member = part.own.members.find(({ name }) => name === owner);
    return member === undefined || !here.has(owner) ? 0 : memberSlots(member, unit);
  });
  const capacity = clusterSlots(cluster, unit);
  return playFlat(policy as FlatPolicy, { ...options, jobs, owners, capacity, ownSlots });
}

/** Every owner on its own machines alone, first come first served with EASY backfill. */
export function playAlone(workload: Workload, cluster: Cluster): Played {
  const alone: Scenario = {
    ...baseline(cluster),
    pools: [[], ...namesOf(cluster).map((name) => [name])],
  };
  return playScenario(workload, alone, "easy", { lossS: 0, passS: 1, limitS: 1 });
}

/** Seconds from the first to the last submission. */
export const spanOf = ({ jobs }: Workload): number => Math.max(jobs.at(-1)?.submitS ?? 0, 1);

/** Whether a job fits into the empty cluster, as the policy sees it. */
export function fitter(
  { unit }: Workload,
  cluster: Cluster,
  policy: FlowPolicy,
): (job: PlanJob) => boolean {
  const slots = clusterSlots(cluster, unit);
  if (policy !== "pool") return ({ request }) => request.width <= slots;
  const views = new PoolNodes(cluster, unit).views();
  const known = new Map<PlanRequest, boolean>();
  return (job) => {
    const before = known.get(job.request);
    if (before !== undefined) return before;
    const fits = views.length > 0 && feasibleEver(jobSpecOf(job, 1_000), views).ok;
    known.set(job.request, fits);
    return fits;
  };
}
