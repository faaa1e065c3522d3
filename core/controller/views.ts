// The snapshot that the scheduler works on, made from the state.
import { usageAt } from "../ledger/index.ts";
import { assert, deviceCount } from "../pool/index.ts";
import type {
  NodeView,
  ProjectView,
  RunningView,
  SchedulerInput,
  WaitingView,
} from "../scheduler/index.ts";
import { dependencyState } from "./dependencies.ts";
import { theJob, theLease, theMember } from "./lookup.ts";
import { spanOf } from "./runs.ts";
import type { JobState, Site, State } from "./state.ts";

/** Every node that the pool knows, with what is free on it. */
export function nodeViews(state: State): NodeView[] {
  const views: NodeView[] = [];
  for (const site of state.sites.values()) {
    const why = unavailable(state, site);
    const held = heldOn(state, site);
    for (const node of site.nodes) {
      const used = held.get(node.name);
      views.push({
        siteId: site.siteId,
        member: site.member,
        node,
        schedulable: why === undefined,
        ...(why === undefined ? {} : { unavailableReason: why }),
        freeAcceleratorIds: node.accelerators
          .map((accelerator) => accelerator.id)
          .filter((id) => used?.ids.has(id) !== true),
        freeMilliCpu: node.milliCpu - (used?.milliCpu ?? 0),
        freeMemoryMiB: node.memoryMiB - (used?.memoryMiB ?? 0),
      });
    }
  }
  return views;
}

function unavailable(state: State, site: Site): string | undefined {
  if (site.state !== "here") return "site away";
  const standing = theMember(state, site.member).standing;
  return standing === "active" ? undefined : standing;
}

interface Held {
  readonly ids: Set<string>;
  milliCpu: number;
  memoryMiB: number;
}

function heldOn(state: State, site: Site): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const leaseId of site.openLeases) {
    for (const placement of theLease(state, leaseId).lease.placements) {
      const sum = held.get(placement.node) ?? { ids: new Set(), milliCpu: 0, memoryMiB: 0 };
      for (const id of placement.acceleratorIds) {
        assert(!sum.ids.has(id), `accelerator ${id} of ${placement.node} is leased once`);
        sum.ids.add(id);
      }
      sum.milliCpu += placement.milliCpu;
      sum.memoryMiB += placement.memoryMiB;
      held.set(placement.node, sum);
    }
  }
  return held;
}

function runningViews(state: State): RunningView[] {
  const views: RunningView[] = [];
  for (const site of state.sites.values()) {
    for (const leaseId of site.openLeases) {
      const { lease, startedAtMs, stop } = theLease(state, leaseId);
      const spec = theJob(state, lease.jobId).spec;
      const fromMs = startedAtMs ?? lease.grantedAtMs;
      views.push({
        leaseId,
        jobId: lease.jobId,
        siteId: site.siteId,
        project: spec.project,
        priority: spec.priority,
        preemptible: spec.preemptible,
        placements: lease.placements,
        startedAtMs: fromMs,
        endsAtMs: fromMs + lease.walltimeMs,
        stopping: stop !== null,
      });
    }
  }
  return views;
}

function waitingViews(state: State): WaitingView[] {
  const room = new Map<string, number>();
  return [...state.queue.keys()].map((jobId) => waitingView(state, theJob(state, jobId), room));
}

function waitingView(state: State, job: JobState, room: Map<string, number>): WaitingView {
  const { jobId, spec, submittedAtMs } = job;
  const base = { jobId, spec, submittedAtMs };
  const held = (code: string, text: string): WaitingView => ({
    ...base,
    eligible: false,
    holdReason: { code, text, nodes: 0 },
  });
  for (const dependency of spec.dependencies) {
    if (dependencyState(state, dependency) === "satisfied") continue;
    return held("DEPENDENCY", `waits for ${dependency.kind}:${dependency.jobId}`);
  }
  if (job.place !== null) {
    const { arrayId, maxRunning } = job.place;
    const left = room.get(arrayId) ?? maxRunning - runningOf(state, arrayId);
    if (left <= 0) return held("ARRAY_LIMIT", `${maxRunning} tasks of the array run at one time`);
    room.set(arrayId, left - 1);
  }
  if (spec.run === undefined) return { ...base, eligible: true };
  const span = spanOf(state, job);
  if (typeof span === "string") return held("RUN_NOT_READY", span);
  return { ...base, eligible: true, spanning: span };
}

const runningOf = (state: State, arrayId: string): number =>
  state.arrays.get(arrayId)!.filter((id) => theJob(state, id).stage === "active").length;

/** Usage counts while it happens: the books learn of a lease only when it has ended. */
function projectViews(state: State, nowMs: number): ProjectView[] {
  const accrued = new Map<string, number>();
  for (const { openLeases } of state.sites.values()) {
    for (const leaseId of openLeases) {
      const { lease, startedAtMs } = theLease(state, leaseId);
      if (startedAtMs === null) continue;
      const { project } = theJob(state, lease.jobId).spec;
      const usedMs = deviceCount(lease.placements) * Math.max(0, nowMs - startedAtMs);
      accrued.set(project, (accrued.get(project) ?? 0) + usedMs);
    }
  }
  return [...state.projects.values()].map(({ name, parent, shares }) => ({
    name,
    parent,
    shares,
    usage: usageAt(state.ledger.usage, "project", name, state.nowMs) + (accrued.get(name) ?? 0),
  }));
}

/** Everything that the scheduler needs to know, now. */
export const schedulerInput = (state: State, nowMs: number): SchedulerInput => ({
  nowMs,
  nodes: nodeViews(state),
  running: runningViews(state),
  waiting: waitingViews(state),
  projects: projectViews(state, nowMs),
});
