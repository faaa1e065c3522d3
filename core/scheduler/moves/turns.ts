// Moves in the pool's own queue. When the first request that is blocked fits nowhere although
// enough is free, only in the wrong places, leases stop with grace, at their checkpoints, and their
// jobs go on elsewhere on the same site. Until a moved job runs again its new place is kept for it
// in every pass, before the queue, and after the owners. How leases stop is left to the pass.
import type { JobSpec } from "../../pool/index.ts";
import type { Backfill } from "../backfill/backfill.ts";
import { besideReservation } from "../backfill/holds.ts";
import { blockedJob, excludedSites } from "../barred.ts";
import type { Demand } from "../demand.ts";
import { leastJob } from "../gang/elastic.ts";
import type { Fit } from "../gang/fit.ts";
import { placementsOf } from "../gang/uses.ts";
import type { Lenders } from "../lending.ts";
import type { CapCounts } from "../order/caps.ts";
import type { Preempting } from "../preempt/choose.ts";
import { keepForLater, stoppedAtMs } from "../promise.ts";
import { addRanks, rankNode } from "../rank/rank.ts";
import type { Objection } from "../reasons.ts";
import type {
  MovesView,
  MovingView,
  Preemption,
  Reason,
  RunningView,
  SchedulerInput,
  Wait,
  WaitingView,
} from "../types.ts";
import {
  deviceWeight,
  type Holding,
  type NodeState,
  type Room,
  roomsAfter,
  type SiteState,
  type World,
} from "../world.ts";
import { BOUNDS } from "./bounds.ts";
import { findLeaseMoves, type LeaseMoves, type TaskPlace } from "./leases.ts";
import { worthMoving } from "./worth.ts";

/** What moves need of a pass. */
export interface MovePass {
  readonly nowMs: number;
  readonly world: World;
  readonly lenders: Lenders;
  readonly caps: CapCounts;
  readonly backfill: Backfill;
  readonly demandOf: (job: WaitingView) => Demand;
  readonly order: string[];
  readonly settled: Set<string>;
  readonly waits: Wait[];
  readonly preemptions: Preemption[];
  readonly leftOut?: ReadonlyMap<string, ReadonlyMap<string, Objection>>;
}

export class Moves {
  readonly #view: MovesView | undefined;
  /** Site by job that others make way for. */
  readonly #for = new Map<string, string>();
  #asked = 0;

  constructor({ moves }: SchedulerInput) {
    this.#view = moves;
    for (const { forJobId, siteId } of moves?.moving ?? []) this.#for.set(forJobId, siteId);
  }

  /** What is said of a job for which leases move. */
  reasonFor(jobId: string, nodes: number): Reason | undefined {
    const siteId = this.#for.get(jobId);
    if (siteId === undefined) return undefined;
    return movingReason(`other jobs move within site ${siteId} so that it has room`, nodes);
  }

  /** Jobs under way go on at their new places; those that still stop have theirs kept. */
  resume(pass: MovePass, start: (job: WaitingView, fit: Fit, why: string) => void): void {
    for (const moving of this.#view?.moving ?? []) {
      const { spec, job, forJobId } = moving;
      const fit = fitOf(pass, moving);
      if (fit === undefined || pass.settled.has(moving.jobId)) continue;
      if (job !== undefined && !mayStart(pass, job, fit)) continue;
      const stay = pass.backfill.stayOf(spec, pass.nowMs);
      const stopping = fit.site.holdings.filter((holding) => holding.stopping);
      const after = roomsAfter(fit.site, stopping);
      const has = (roomOf: (node: NodeState) => Room): boolean =>
        holdsPlace(fit, (node) => besideReservation(node, roomOf(node), stay));
      if (job !== undefined && has(({ room }) => room)) {
        pass.order.push(job.jobId);
        start(job, fit, `it was moved here so that job ${forJobId} has room`);
        pass.settled.add(job.jobId);
      } else if (has(after)) {
        keepPlace(pass, moving, fit, stopping);
        if (job === undefined) continue;
        const text = `waits for leases on site ${fit.site.siteId} to stop, and goes on there`;
        pass.waits.push({ jobId: job.jobId, reasons: [movingReason(text, 1)] });
        pass.settled.add(job.jobId);
      }
    }
  }

  /** Leases that move so that one of the first blocked jobs can start, if that is worth it. */
  makeRoom(pass: MovePass, job: WaitingView, demand: Demand): Preempting | undefined {
    if (this.#view?.on !== true || job.spec.run !== undefined) return undefined;
    // One after the other: the next moves are sought when these are done.
    if (this.#view.moving.length > 0 || this.#asked >= BOUNDS.JOBS_MAX) return undefined;
    this.#asked += 1;
    const found = findLeaseMoves(demand, {
      movable: (lease) => this.#movable(pass, job, lease),
      movesMax: BOUNDS.LEASES_MAX,
      depth: BOUNDS.LEASES_DEPTH,
      excluded: new Set(excludedSites(pass, job).keys()),
    });
    if (found === undefined || found.moves.length === 0) return undefined;
    if (!isWorthIt(pass, found, job, demand)) return undefined;
    this.#asked = BOUNDS.JOBS_MAX;
    return this.#made(pass, job, demand, found);
  }

  #movable(
    { nowMs, lenders, demandOf }: MovePass,
    { spec: wanted }: WaitingView,
    lease: RunningView,
  ): Demand | undefined {
    const { spec, siteId, jobId, endsAtMs } = lease;
    if (spec === undefined || lease.mayMove !== true || lease.stopping === true) return undefined;
    // It would be over before it is at its new place.
    if (endsAtMs - nowMs <= BOUNDS.RESTART_MS) return undefined;
    if (lenders.bars(spec).has(siteId)) return undefined;
    // Owners' own work on their own machines makes way for their own alone.
    const ownHere = (project: string): boolean => lenders.ownSites(project).has(siteId);
    if (ownHere(lease.project) && !ownHere(wanted.project)) return undefined;
    return demandOf(viewOf(jobId, spec));
  }

  #made(pass: MovePass, job: WaitingView, demand: Demand, found: LeaseMoves): Preempting {
    const { site, moves } = found;
    this.#for.set(job.jobId, site.siteId);
    const moved = moves.map((move) => {
      const { lease } = move;
      const spec = lease.spec!;
      const to = fitAt(pass.demandOf(viewOf(lease.jobId, spec)), site, [move.to]);
      const reason =
        `moves from node ${move.from.node.view.node.name} to node ` +
        `${move.to.node.view.node.name} so that job ${job.jobId} has room`;
      const there = { siteId: site.siteId, to: placementsOf(to) };
      return { lease, moving: { jobId: lease.jobId, forJobId: job.jobId, spec, ...there }, reason };
    });
    const leases = new Set(moved.map(({ lease }) => lease));
    const stopping = site.holdings.filter(({ lease }) => lease !== undefined && leases.has(lease));
    for (const { lease, moving, reason } of moved) {
      const { leaseId } = lease;
      pass.preemptions.push({ leaseId, forJobId: job.jobId, reason, moveTo: moving.to });
    }
    const keep = (): void => {
      for (const { moving } of moved) {
        const fit = fitOf(pass, moving);
        if (fit !== undefined) keepPlace(pass, moving, fit, stopping);
      }
    };
    return { fit: fitAt(demand, site, found.tasks), victims: [], stopping, keep };
  }
}

const movingReason = (text: string, nodes: number): Reason => ({ code: "MOVING", text, nodes });

/** Caps and what owners say hold for a moved job as for any other. */
function mayStart({ caps, lenders }: MovePass, job: WaitingView, { site }: Fit): boolean {
  const barred = lenders.bars(job.spec).has(site.siteId);
  return job.eligible && !barred && caps.refuse(leastJob(job)) === undefined;
}

/** Device-time that is won and lost. */
function isWorthIt(pass: MovePass, found: LeaseMoves, job: WaitingView, demand: Demand): boolean {
  const { nowMs, backfill } = pass;
  const startMs = backfill.expectedStartMs(blockedJob(pass, job, demand));
  if (startMs === undefined) return false;
  const costs = found.moves.map(({ lease }) => {
    const safeMs = Math.max(lease.startedAtMs, lease.checkpointAtMs ?? lease.startedAtMs);
    return {
      devices: deviceWeight(lease.placements),
      unsavedMs: Math.max(0, nowMs - safeMs),
      restartMs: BOUNDS.RESTART_MS,
    };
  });
  const devices = deviceWeight(placementsOf(fitAt(demand, found.site, found.tasks)));
  return worthMoving(costs, { devices, soonerMs: Math.max(0, startMs - nowMs) });
}

/** The fit of tasks whose places are known. */
function fitAt(demand: Demand, site: SiteState, tasks: readonly TaskPlace[]): Fit {
  const portions = tasks.map((_, task) => demand.portions[demand.portionOfTask[task]!]!);
  const places = tasks.map(({ node, devices }, task) => ({
    ...{ node, devices, resources: portions[task]!.need.resources },
  }));
  const rank = tasks
    .map(({ node }, task) => rankNode(portions[task]!, 1, node, node.room))
    .reduce(addRanks);
  return { site, places, nodesUsed: new Set(tasks.map(({ node }) => node)).size, rank };
}

/** The place that a moving job was given, if it is still there and takes work like it. */
function fitOf(pass: MovePass, { jobId, spec, siteId, to }: MovingView): Fit | undefined {
  const [place] = to;
  const site = pass.world.sites.find((one) => one.siteId === siteId);
  const node = site?.nodes.find(({ view }) => view.node.name === place?.node);
  if (site === undefined || node === undefined || place === undefined) return undefined;
  const demand = pass.demandOf(viewOf(jobId, spec));
  const matching = demand.portions[0]?.matching[node.classIndex];
  if (demand.tasks !== 1 || matching === undefined) return undefined;
  const { accelerators } = node.view.node;
  const devices = matching.filter((at) => place.acceleratorIds.includes(accelerators[at]!.id));
  if (devices.length !== place.acceleratorIds.length) return undefined;
  return fitAt(demand, site, [{ node, devices }]);
}

/** True if the very devices of the fit are in the rooms, with what goes with them. */
function holdsPlace({ places }: Fit, roomOf: (node: NodeState) => Room): boolean {
  return places.every(({ node, devices, resources }) => {
    const room = roomOf(node);
    if (room.milliCpu < resources.milliCpu || room.memoryMiB < resources.memoryMiB) return false;
    const { partMilli } = resources;
    if (partMilli === undefined) return devices.every((device) => room.devices[device] === 1);
    return devices.every((device) => (room.left?.[device] ?? 0) >= partMilli);
  });
}

function keepPlace(
  { nowMs }: MovePass,
  { jobId, spec }: MovingView,
  fit: Fit,
  stopping: readonly Holding[],
): void {
  let startMs = stopping.length === 0 ? nowMs : stoppedAtMs(nowMs);
  for (const { stopping: asked, endsAtMs } of stopping) {
    if (asked) startMs = Math.max(startMs, endsAtMs);
  }
  keepForLater(viewOf(jobId, spec), fit, stopping, startMs);
}

const viewOf = (jobId: string, spec: JobSpec): WaitingView => ({
  ...{ jobId, spec, submittedAtMs: 0, eligible: true },
});
