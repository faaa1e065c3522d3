// The snapshot that the scheduler works on, made from the state.
import { assert, type Node, type Placement, WHOLE_MILLI } from "../pool/index.ts";
import {
  type NodeView,
  type Reason,
  type RunningView,
  type SchedulerInput,
  shareMilliOf,
  type WaitingLine,
  type WaitingView,
} from "../scheduler/index.ts";
import { dependencyState } from "./dependencies.ts";
import { lendingOf, lendingViews, lentNodesOf, offerOf, refusedLately } from "./lending.ts";
import { theJob, theLease, theMember } from "./lookup.ts";
import { memoryOf } from "./memory.ts";
import { mayMove, movesView } from "./moving.ts";
import { projectViews } from "./project-views.ts";
import { countLeading, type JobLine, queueOf, waitingOf } from "./queue-index.ts";
import { reservationViews } from "./reserved.ts";
import { resizeMarks, resizingViews } from "./resizing.ts";
import { spanOf } from "./runs.ts";
import type { JobState, Site, State } from "./state.ts";
import { deviceFacts, throughputOf } from "./throughput.ts";

/** Every node that the pool knows, with what is free on it, whether its owner lends it or not. */
export function nodeViews(state: State): NodeView[] {
  const views: NodeView[] = [];
  for (const site of state.sites.values()) addViews(views, state, site, unavailable(state, site));
  return views;
}

/** The same as owners lend them at a moment: without what they keep, and closed when they are. */
export function lentViews(state: State, atMs: number): NodeView[] {
  const views: NodeView[] = [];
  for (const site of state.sites.values()) {
    const why =
      unavailable(state, site) ?? lendingOf(state, site, atMs).closed ?? refusedLately(site, atMs);
    addViews(views, state, site, why, lentNodesOf(state, site));
  }
  return views;
}

interface Why {
  readonly text: string;
  readonly code?: NonNullable<NodeView["unavailableCode"]>;
}

function addViews(
  views: NodeView[],
  state: State,
  site: Site,
  siteWhy: Why | undefined,
  lent?: ReadonlyMap<string, Node>,
): void {
  const held = heldOn(state, site);
  const shares = offerOf(state, site).shareAccelerators === true;
  const unlent: Why = { code: "OFFER_DEVICES", text: `${site.member} does not lend the node` };
  for (const whole of site.nodes) {
    const part = lent === undefined ? whole : lent.get(whole.name);
    const node = part ?? whole;
    const why = siteWhy ?? (part === undefined ? unlent : undefined);
    const used = held.get(node.name);
    views.push({
      siteId: site.siteId,
      member: site.member,
      node,
      schedulable: why === undefined,
      ...(why === undefined ? {} : { unavailableReason: why.text }),
      ...(why?.code === undefined ? {} : { unavailableCode: why.code }),
      freeAcceleratorIds:
        used === undefined ? idsOf(node) : idsOf(node).filter((id) => !used.ids.has(id)),
      ...(shares ? { sharesAccelerators: true as const } : {}),
      ...(used === undefined || Object.keys(used.leftMilli).length === 0
        ? {}
        : { leftMilli: used.leftMilli }),
      freeMilliCpu: node.milliCpu - (used?.milliCpu ?? 0),
      freeMemoryMiB: node.memoryMiB - (used?.memoryMiB ?? 0),
    });
  }
}

/** Nodes never change, new ones take their place. */
const ids = new WeakMap<Node, readonly string[]>();

function idsOf(node: Node): readonly string[] {
  const known = ids.get(node) ?? node.accelerators.map((accelerator) => accelerator.id);
  ids.set(node, known);
  return known;
}

function unavailable(state: State, site: Site): Why | undefined {
  if (site.state !== "here") return { text: "site away" };
  const standing = theMember(state, site.member).standing;
  return standing === "active" ? undefined : { text: standing };
}

interface Held {
  /** Accelerators that leases hold, or parts of them. */
  readonly ids: Set<string>;
  /** Thousandths that are left of those of which parts are held. */
  readonly leftMilli: Record<string, number>;
  milliCpu: number;
  memoryMiB: number;
}

const nothingHeld = (): Held => ({ ids: new Set(), leftMilli: {}, milliCpu: 0, memoryMiB: 0 });

/** Counts an accelerator of a placement in. */
function holdOf({ ids, leftMilli }: Held, id: string, { node, partMilli }: Placement): void {
  const left = leftMilli[id] ?? (ids.has(id) ? 0 : WHOLE_MILLI);
  const part = partMilli ?? WHOLE_MILLI;
  assert(left >= part, `accelerator ${id} of ${node} is leased once`);
  ids.add(id);
  if (partMilli !== undefined) leftMilli[id] = left - part;
}

function heldOn(state: State, site: Site): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const leaseId of site.openLeases) {
    for (const placement of theLease(state, leaseId).lease.placements) {
      const sum = held.get(placement.node) ?? nothingHeld();
      for (const id of placement.acceleratorIds) holdOf(sum, id, placement);
      sum.milliCpu += placement.milliCpu;
      sum.memoryMiB += placement.memoryMiB;
      held.set(placement.node, sum);
    }
  }
  return held;
}

function runningViews(state: State, nowMs: number): RunningView[] {
  const { moves = false } = state;
  const views: RunningView[] = [];
  for (const site of state.sites.values()) {
    for (const leaseId of site.openLeases) {
      const { lease, startedAtMs, stop, checkpointAtMs } = theLease(state, leaseId);
      const job = theJob(state, lease.jobId);
      const { spec, submittedAtMs } = job;
      const fromMs = startedAtMs ?? lease.grantedAtMs;
      views.push({
        leaseId,
        jobId: lease.jobId,
        siteId: site.siteId,
        spec,
        project: spec.project,
        priority: spec.priority,
        preemptible: spec.preemptible,
        placements: lease.placements,
        ...(lease.shareMilli === undefined ? {} : { shareMilli: lease.shareMilli }),
        submittedAtMs,
        startedAtMs: fromMs,
        endsAtMs: fromMs + lease.walltimeMs,
        ...(checkpointAtMs === undefined ? {} : { checkpointAtMs }),
        stopping: stop !== null,
        ...(stop === null ? {} : { stopGraceMs: stop.graceMs }),
        ...(lease.backfill === undefined ? {} : { backfill: lease.backfill }),
        ...(moves && mayMove(state, job, nowMs) ? { mayMove: true } : {}),
        ...resizeMarks(state, job, nowMs),
      });
    }
  }
  return views;
}

/** Jobs that are asked one by one whether they may start now. */
function singleViews(state: State, active: ReadonlyMap<string, number>): WaitingView[] {
  const taken = new Map(active);
  return [...queueOf(state).singles].map((job) => {
    const view = viewOf(state, job);
    const span = job.spec.run === undefined ? undefined : spanOf(state, job);
    const holdReason =
      dependencyReason(state, job) ??
      arrayReason(job, taken) ??
      (typeof span === "string" ? { code: "RUN_NOT_READY", text: span, nodes: 0 } : undefined);
    if (holdReason !== undefined) return { ...view, eligible: false, holdReason };
    return typeof span === "object" ? { ...view, spanning: span } : view;
  });
}

/** Counts a task in that may start, until its array has as many as it may have. */
function arrayReason({ place }: JobState, taken: Map<string, number>): Reason | undefined {
  if (place === null) return undefined;
  const { arrayId, maxRunning } = place;
  const running = taken.get(arrayId) ?? 0;
  if (running >= maxRunning) return arrayLimitReason(maxRunning);
  taken.set(arrayId, running + 1);
  return undefined;
}

function dependencyReason(state: State, { spec }: JobState): Reason | undefined {
  for (const dependency of spec.dependencies) {
    if (dependencyState(state, dependency) === "satisfied") continue;
    const text = `waits for ${dependency.kind}:${dependency.jobId}`;
    return { code: "DEPENDENCY", text, nodes: 0 };
  }
  return undefined;
}

/** What is said of a task that waits because enough others of its array run. */
export const arrayLimitReason = (maxRunning: number): Reason => ({
  code: "ARRAY_LIMIT",
  text: `${maxRunning} tasks of the array run at one time`,
  nodes: 0,
});

function viewOf(state: State, { jobId, spec, submittedAtMs, leaseIds }: JobState): WaitingView {
  const view = { jobId, spec, submittedAtMs, eligible: true };
  const last = state.leases.get(leaseIds.at(-1) ?? "");
  if (last === undefined || spec.run !== undefined) return view;
  return { ...view, lastSiteId: last.lease.siteId };
}

/** All other waiting jobs; of an array with a limit as many as may start now. */
function lineViews(state: State, active: ReadonlyMap<string, number>): WaitingLine[] {
  const views: WaitingLine[] = [];
  for (const line of queueOf(state).lines.values()) {
    const { priority, project } = line;
    const count = Math.min(line.live, roomOf(line, active));
    if (count <= 0) continue;
    const countLeadingOf: WaitingLine["countLeading"] = (holds) => countLeading(line, holds);
    views.push({
      priority,
      project,
      count,
      jobs: () => lineJobs(state, line),
      countLeading: countLeadingOf,
    });
  }
  return views;
}

const roomOf = ({ limit }: JobLine, active: ReadonlyMap<string, number>): number =>
  limit === undefined ? Infinity : limit.maxRunning - (active.get(limit.arrayId) ?? 0);

function* lineJobs(state: State, line: JobLine): Generator<WaitingView, undefined> {
  for (const job of waitingOf(line)) yield viewOf(state, job);
}

/** Tasks that hold a lease, by array. */
function activeByArray(state: State): Map<string, number> {
  const active = new Map<string, number>();
  for (const { openLeases } of state.sites.values()) {
    for (const leaseId of openLeases) {
      const { place } = theJob(state, theLease(state, leaseId).lease.jobId);
      if (place !== null) active.set(place.arrayId, (active.get(place.arrayId) ?? 0) + 1);
    }
  }
  return active;
}

/** Who waits, as a pass sees it, and one of them by itself. */
export interface QueueViews {
  readonly job: WaitingView;
  readonly waiting: readonly WaitingView[];
  readonly lines: readonly WaitingLine[];
}

/** The queue for a question about one job that waits. Costs what differs, not how much waits. */
export function queueViews(state: State, asked: JobState): QueueViews {
  const active = activeByArray(state);
  const waiting = singleViews(state, active);
  const lines = lineViews(state, active);
  const single = waiting.find(({ jobId }) => jobId === asked.jobId);
  if (single !== undefined) return { job: single, waiting, lines };
  const holdReason = arrayReason(asked, active);
  const view = viewOf(state, asked);
  const job = holdReason === undefined ? view : { ...view, eligible: false, holdReason };
  return { job, waiting, lines };
}

/** Everything that the scheduler needs to know, now. */
export function schedulerInput(state: State, nowMs: number): SchedulerInput {
  const active = activeByArray(state);
  return {
    nowMs,
    nodes: lentViews(state, nowMs),
    running: runningViews(state, nowMs),
    waiting: singleViews(state, active),
    lines: lineViews(state, active),
    projects: projectViews(state, nowMs),
    lending: lendingViews(state, nowMs),
    reservations: reservationViews(state),
    ...(state.ageing === undefined ? {} : { ageing: state.ageing }),
    ...(state.backfill === undefined ? {} : { backfill: state.backfill }),
    ...movesView(state, nowMs, (job) => viewOf(state, job)),
    ...resizingViews(state, nowMs, (job) => viewOf(state, job)),
    facts: () => deviceFacts(state),
    shareMilliOf: (device) => shareMilliOf(throughputOf(state), device),
    memory: memoryOf(state),
    runTimes: state.runTimes,
  };
}
