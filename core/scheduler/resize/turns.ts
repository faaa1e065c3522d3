// Gangs that change their size while they run. One that runs with fewer tasks than it asked for
// grows into what nobody before it waits for; one that must make way for others goes on with as
// many tasks as are left to it. Both stop with grace, at a checkpoint, and are started again on
// what they keep; that is an ordinary end of a lease and an ordinary start. Whether it is worth it
// is worth.ts's business, how leases stop the pass's.
import type { JobSpec } from "../../pool/index.ts";
import type { Backfill } from "../backfill/backfill.ts";
import { besideReservation } from "../backfill/holds.ts";
import { BOUNDS } from "../bounds.ts";
import type { Demand } from "../demand.ts";
import type { RunTimes } from "../estimates/run-times.ts";
import { sized } from "../gang/elastic.ts";
import { type Fit, fitSite, roomFor, type TaskPlace } from "../gang/fit.ts";
import { fitOfPlaces, placesIn, placesOf, wholePortion } from "../gang/places.ts";
import type { Lenders } from "../lending.ts";
import type { CapCounts } from "../order/caps.ts";
import type { OrderRules } from "../order/rules.ts";
import { keepForLater, stoppedAtMs, takeNow } from "../promise.ts";
import type {
  Preemption,
  ResizingView,
  RunningView,
  SchedulerInput,
  Start,
  WaitingView,
} from "../types.ts";
import {
  giveBack,
  type Holding,
  type NodeState,
  type Room,
  roomsAfter,
  type SiteState,
  type World,
} from "../world.ts";
import { RESIZE } from "./bounds.ts";
import { someBefore } from "./rivals.ts";
import { worthResizing } from "./worth.ts";

/** What resizing needs of a pass. */
export interface ResizePass {
  readonly nowMs: number;
  readonly world: World;
  readonly lenders: Lenders;
  readonly caps: CapCounts;
  readonly rules: OrderRules;
  readonly backfill: Backfill;
  readonly times: RunTimes;
  readonly demandOf: (job: WaitingView) => Demand;
  readonly order: string[];
  readonly settled: Set<string>;
  readonly starts: readonly Start[];
  readonly preemptions: Preemption[];
}

type Begin = (job: WaitingView, fit: Fit, why: string) => void;

/** A gang that waits for its turn after the queue, and what is held for it until then. */
interface Later {
  readonly view: ResizingView;
  readonly job: WaitingView;
  readonly held: Holding;
}

export class Resizes {
  readonly #input: SchedulerInput;
  readonly #later: Later[] = [];

  constructor(input: SchedulerInput) {
    this.#input = input;
  }

  /** Before the queue: who has stopped goes on, who still stops has its places kept. */
  resume(pass: ResizePass, begin: Begin): void {
    for (const view of this.#input.resizing ?? []) {
      const site = siteOf(pass, view.siteId);
      if (site === undefined || pass.settled.has(view.jobId)) continue;
      const { spec, job } = view;
      // Who came meanwhile and goes first finds free what the gang wanted to grow into.
      const nodes = new Set(site.nodes);
      const isLast = isGrowth(view) && someBefore(pass, this.#input, view, site, nodes);
      const to = isLast ? view.to.slice(0, view.heldTasks) : view.to;
      if (job === undefined) keepWhileStopping(pass, view, site, to);
      else if (!isLast) startNow(pass, view, job, site, begin);
      else {
        const fit = fitNow(pass, view, job, site, to);
        if (fit === undefined) continue;
        takeNow(fit, pass.backfill.stayOf(spec, pass.nowMs), spec);
        this.#later.push({ view, job, held: site.holdings.at(-1)! });
        pass.settled.add(view.jobId);
      }
    }
  }

  /** After the queue: who let others go first goes on, then gangs shrink and grow. */
  finish(pass: ResizePass, begin: Begin): void {
    for (const { view, job, held } of this.#later) {
      const site = siteOf(pass, view.siteId)!;
      for (const part of held.parts) giveBack(part.node.room, part);
      site.holdings.splice(site.holdings.indexOf(held), 1);
      startNow(pass, view, job, site, begin);
    }
    shrink(pass);
    this.#grow(pass);
  }

  #grow(pass: ResizePass): void {
    const stopped = new Set(pass.preemptions.map(({ leaseId }) => leaseId));
    const short = this.#input.running
      .filter((lease) => lease.mayGrow === true && isShort(lease) && !stopped.has(lease.leaseId))
      .sort((a, b) => b.priority - a.priority || a.submittedAtMs - b.submittedAtMs)
      .slice(0, RESIZE.LOOKED_MAX);
    let made = 0;
    for (const lease of short) {
      if (made >= RESIZE.GROWS_MAX) return;
      if (tryGrow(pass, this.#input, lease)) made += 1;
    }
  }
}

const isGrowth = ({ to, heldTasks }: ResizingView): boolean => to.length > heldTasks;

function isShort({ spec, placements, stopping }: RunningView): boolean {
  const [group] = spec?.groups ?? [];
  return group !== undefined && stopping !== true && placements.length < group.count;
}

const siteOf = ({ world }: ResizePass, siteId: string): SiteState | undefined =>
  world.sites.find((site) => site.siteId === siteId);

const viewOf = (jobId: string, spec: JobSpec): WaitingView => ({
  ...{ jobId, spec, submittedAtMs: 0, eligible: true },
});

const countsOf = ({ groups }: JobSpec): { readonly most: number; readonly least: number } => {
  const { count, countMin = count } = groups[0]!;
  return { most: count, least: countMin };
};

const demandFor = (pass: ResizePass, jobId: string, spec: JobSpec, tasks: number): Demand =>
  pass.demandOf(viewOf(jobId, sized(spec, tasks)));

/** Keeps what is still there of the places while the lease stops. */
function keepWhileStopping(
  pass: ResizePass,
  { jobId, spec }: ResizingView,
  site: SiteState,
  to: ResizingView["to"],
): void {
  const portion = wholePortion(demandFor(pass, jobId, spec, countsOf(spec).least));
  if (portion === undefined) return;
  const stopping = site.holdings.filter((holding) => holding.stopping);
  const after = roomsAfter(site, stopping);
  const stay = pass.backfill.stayOf(spec, pass.nowMs);
  const places = placesIn(placesOf(site, portion, to), (node) =>
    besideReservation(node, after(node), stay),
  );
  if (places.length < countsOf(spec).least) return;
  const ends = stopping.map(({ endsAtMs }) => endsAtMs);
  const startMs = Math.max(pass.nowMs, ...ends);
  keepForLater(viewOf(jobId, spec), fitOfPlaces(site, portion, places), stopping, startMs);
}

/** The places that are free now, as many as the job may have; undefined if they are too few. */
function fitNow(
  pass: ResizePass,
  { jobId, spec }: ResizingView,
  job: WaitingView,
  site: SiteState,
  to: ResizingView["to"],
): Fit | undefined {
  const { least } = countsOf(spec);
  const portion = wholePortion(demandFor(pass, jobId, spec, least));
  if (portion === undefined || !job.eligible) return undefined;
  if (pass.lenders.bars(spec).has(site.siteId)) return undefined;
  const stay = pass.backfill.stayOf(spec, pass.nowMs);
  const places = placesIn(placesOf(site, portion, to), (node) =>
    besideReservation(node, node.room, stay),
  );
  const tasks = mostAllowed(pass, jobId, spec, places.length);
  return tasks < least ? undefined : fitOfPlaces(site, portion, places.slice(0, tasks));
}

/** Caps count for a gang that goes on as for any other. */
function mostAllowed(pass: ResizePass, jobId: string, spec: JobSpec, most: number): number {
  let tasks = most;
  while (tasks > 0 && pass.caps.refuse(viewOf(jobId, sized(spec, tasks))) !== undefined) tasks -= 1;
  return tasks;
}

function startNow(
  pass: ResizePass,
  view: ResizingView,
  job: WaitingView,
  site: SiteState,
  begin: Begin,
): void {
  const fit = fitNow(pass, view, job, site, view.to);
  if (fit === undefined) return;
  pass.order.push(job.jobId);
  const counts = `${fit.places.length} of ${countsOf(view.spec).most} tasks`;
  const why = isGrowth(view)
    ? `it was stopped to grow and goes on with ${counts}`
    : `it made way for job ${view.forJobId} and goes on with ${counts}`;
  begin(job, fit, why);
  pass.settled.add(job.jobId);
}

/** Gangs that were asked to make way in this pass go on with what nobody took of their places. */
function shrink(pass: ResizePass): void {
  const { preemptions, world } = pass;
  if (preemptions.length === 0) return;
  const asked = new Set(preemptions.map(({ leaseId }) => leaseId));
  const holdings = new Map<string, { readonly site: SiteState; readonly holding: Holding }>();
  for (const site of world.sites) {
    for (const holding of site.holdings) {
      const leaseId = holding.lease?.leaseId;
      if (leaseId !== undefined && asked.has(leaseId)) holdings.set(leaseId, { site, holding });
    }
  }
  for (const [at, preemption] of preemptions.entries()) {
    const { site, holding } = holdings.get(preemption.leaseId) ?? {};
    if (preemption.moveTo !== undefined || site === undefined || holding === undefined) continue;
    const lease = holding.lease!;
    const left = tasksLeft(pass, site, holding);
    if (lease.spec === undefined || left.length === 0) continue;
    const counts = `${left.length} of ${countsOf(lease.spec).most} tasks`;
    const reason = `${preemption.reason}; goes on with ${counts}`;
    const moveTo = left.map((task) => lease.placements[task]!);
    preemptions[at] = { ...preemption, reason, moveTo };
  }
}

/** Tasks of a lease that stops whose places are nobody else's now; none if they are too few. */
function tasksLeft(pass: ResizePass, site: SiteState, holding: Holding): number[] {
  const { lease } = holding;
  if (lease?.spec === undefined || lease.mayShrink !== true) return [];
  const { spec, jobId, placements } = lease;
  const { least } = countsOf(spec);
  const portion = wholePortion(demandFor(pass, jobId, spec, least));
  const startMs = Math.max(pass.nowMs, holding.endsAtMs);
  if (portion === undefined || pass.lenders.bars(spec).has(site.siteId)) return [];
  if (startMs > pass.lenders.lastStartMs(site.siteId, spec)) return [];
  const stay = pass.backfill.stayOf(spec, startMs);
  const rooms = roomsOf(holding);
  const left: number[] = [];
  const placeOf = placements.map((placement) => placesOf(site, portion, [placement])[0]);
  const free = new Set(
    placesIn(
      placeOf.filter((place): place is TaskPlace => place !== undefined),
      (node) => besideReservation(node, rooms.get(node) ?? NOTHING_LEFT, stay),
    ),
  );
  placeOf.forEach((place, task) => {
    if (place !== undefined && free.has(place)) left.push(task);
  });
  return left.length < least || left.length >= placements.length ? [] : left;
}

const NOTHING_LEFT: Room = {
  ...{ devices: new Uint8Array(0), freeDevices: 0, milliCpu: 0, memoryMiB: 0 },
};

/** What a holding still has, as rooms with nothing else in them. */
function roomsOf({ parts }: Holding): ReadonlyMap<NodeState, Room> {
  const rooms = new Map<NodeState, Room>();
  for (const part of parts) {
    const devices = new Uint8Array(part.node.room.devices.length);
    const room = rooms.get(part.node) ?? { devices, freeDevices: 0, milliCpu: 0, memoryMiB: 0 };
    giveBack(room, part);
    rooms.set(part.node, room);
  }
  return rooms;
}

/** Asks a lease to stop so that its gang goes on with more tasks, if it helps and harms nobody. */
function tryGrow(pass: ResizePass, input: SchedulerInput, lease: RunningView): boolean {
  const { nowMs, preemptions } = pass;
  const { spec, jobId, siteId, leaseId } = lease;
  const site = siteOf(pass, siteId);
  const holding = site?.holdings.find((one) => one.lease?.leaseId === leaseId);
  if (spec === undefined || site === undefined || holding === undefined) return false;
  const startMs = stoppedAtMs(nowMs);
  if (pass.lenders.bars(spec).has(siteId)) return false;
  if (startMs > pass.lenders.lastStartMs(siteId, spec)) return false;
  const places = morePlaces(pass, lease, site, holding, startMs);
  const [held, tasks] = [lease.placements.length, places.length];
  if (tasks <= held || !isWorthIt(pass, lease, tasks)) return false;
  const nodes = new Set(places.map(({ node }) => node));
  if (someBefore(pass, input, { jobId, spec }, site, nodes)) return false;
  const portion = wholePortion(demandFor(pass, jobId, spec, held))!;
  const to = places.map(({ node, devices, resources }) => ({
    node: node.view.node.name,
    acceleratorIds: devices.map((device) => node.view.node.accelerators[device]!.id),
    ...{ milliCpu: resources.milliCpu, memoryMiB: resources.memoryMiB },
  }));
  const reason = `stops to grow from ${held} to ${tasks} of ${countsOf(spec).most} tasks`;
  preemptions.push({ leaseId, forJobId: jobId, reason, moveTo: to });
  keepForLater(viewOf(jobId, spec), fitOfPlaces(site, portion, places), [holding], startMs);
  return true;
}

/** The places that the gang has, then those it would have more; none if it must leave some. */
function morePlaces(
  pass: ResizePass,
  { jobId, spec, placements }: RunningView,
  site: SiteState,
  holding: Holding,
  startMs: number,
): readonly TaskPlace[] {
  const missing = countsOf(spec!).most - placements.length;
  const demand = demandFor(pass, jobId, spec!, missing);
  const portion = wholePortion(demand);
  const candidates = demand.candidates.find((one) => one.site === site);
  if (portion === undefined || candidates === undefined) return [];
  const stay = pass.backfill.stayOf(spec!, startMs);
  const roomOf = (node: NodeState): Room => besideReservation(node, node.room, stay);
  const room = roomFor(portion, candidates.nodes, roomOf);
  const more = mostAllowed(pass, jobId, spec!, room);
  if (more === 0) return [];
  const larger = demandFor(pass, jobId, spec!, more);
  const there = larger.candidates.find((one) => one.site === site);
  const fit = there && fitSite(larger, there, roomOf, BOUNDS.GANG_STEPS_MAX).fit;
  if (fit === undefined) return [];
  const all = [...placesOf(site, portion, placements), ...fit.places];
  const after = roomsAfter(site, [holding]);
  const kept = placesIn(all, (node) => besideReservation(node, after(node), stay));
  return kept.length === placements.length + more ? kept : [];
}

function isWorthIt(pass: ResizePass, lease: RunningView, moreTasks: number): boolean {
  const { startedAtMs, checkpointAtMs = startedAtMs, placements, spec } = lease;
  const ranMs = Math.max(0, pass.nowMs - startedAtMs);
  const unsavedMs = Math.max(0, pass.nowMs - Math.max(startedAtMs, checkpointAtMs));
  const remainingMs = Math.max(0, pass.times.estimate(spec!, ranMs).likelyMs - ranMs);
  const { RESTART_MS: restartMs } = RESIZE;
  const tasks = placements.length;
  return worthResizing({ tasks, moreTasks, unsavedMs, restartMs, remainingMs });
}
