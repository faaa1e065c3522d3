// The pool, its members, sites and projects, from the state to the contract's views. Pure.
import type { CallReply, MemberView, PoolView, SiteView } from "@tequio/contract";
import type { Member, Site, State } from "@tequio/core/controller";
import { nodeViews, waitingByProject } from "@tequio/core/controller";
import type { LedgerState } from "@tequio/core/ledger";
import { usageAt } from "@tequio/core/ledger";
import { deviceCount } from "@tequio/core/pool";
import type { NodeView } from "@tequio/core/scheduler";
import { countWork, runningJobs } from "./work.ts";

type ProjectRow = CallReply<"listProjects">["rows"][number];

const countFree = (nodes: readonly NodeView[]): number =>
  nodes.reduce((sum, view) => sum + view.freeAcceleratorIds.length, 0);
const countAll = (nodes: readonly NodeView[]): number =>
  nodes.reduce((sum, view) => sum + view.node.accelerators.length, 0);

/** The pool at a glance. Machines count while their site is here. */
export function poolView(state: State, version: string, nowMs: number): PoolView {
  const work = countWork(state);
  const here = new Set<string>();
  for (const site of state.sites.values()) if (site.state === "here") here.add(site.siteId);
  const devices = countDevices(state);
  return {
    ...{ poolId: state.poolId, name: state.name, version, nowMs, seq: state.seq },
    members: state.members.size,
    sitesHere: here.size,
    ...devices,
    ...{ jobsQueued: work.queued, jobsRunning: work.running, jobsEnded: work.ended },
    runs: state.runs.size,
  };
}

/** Devices of the nodes of a site, which never change: an inventory brings new ones. */
const deviceCounts = new WeakMap<Site["nodes"], number>();

/** Devices of the sites that are here, without a look at each of maybe 100,000 nodes. */
function countDevices(state: State): { accelerators: number; acceleratorsFree: number } {
  let [accelerators, held] = [0, 0];
  for (const site of state.sites.values()) {
    if (site.state !== "here") continue;
    const { nodes } = site;
    const all =
      deviceCounts.get(nodes) ?? nodes.reduce((n, node) => n + node.accelerators.length, 0);
    deviceCounts.set(nodes, all);
    accelerators += all;
    for (const leaseId of site.openLeases) {
      held += deviceCount(state.leases.get(leaseId)!.lease.placements);
    }
  }
  // A device that was taken out while it was leased is held, but no longer there.
  return { accelerators, acceleratorsFree: Math.max(0, accelerators - held) };
}

interface Earned {
  deviceMs: number;
  microCredits: number;
}

interface Books {
  upTo: number;
  readonly byMember: Map<string, Earned>;
}

const books = new WeakMap<LedgerState, Books>();

/** Sums of the books by member; entries are only ever added, so each is added up once. */
function earnedOf(ledger: LedgerState, member: string): Earned {
  const sums = books.get(ledger) ?? { upTo: 0, byMember: new Map<string, Earned>() };
  for (; sums.upTo < ledger.entries.length; sums.upTo += 1) {
    const entry = ledger.entries[sums.upTo]!;
    const sum = sums.byMember.get(entry.memberName) ?? { deviceMs: 0, microCredits: 0 };
    sum.deviceMs += entry.usage.deviceMs;
    sum.microCredits += entry.chargeMicro;
    sums.byMember.set(entry.memberName, sum);
  }
  books.set(ledger, sums);
  return sums.byMember.get(member) ?? { deviceMs: 0, microCredits: 0 };
}

/** All members; `lastSeen` tells when a site was heard from. */
export function memberViews(state: State, lastSeen: LastSeen): MemberView[] {
  const nodes = Map.groupBy(nodeViews(state), (view) => view.siteId);
  const running = runningSites(state);
  return [...state.members.values()].map((member) =>
    memberRow(state, member, nodes, running, lastSeen),
  );
}

/** Milliseconds since 1970 when the site last spoke, as far as this process knows. */
export type LastSeen = (siteId: string) => number | undefined;

/** Jobs that run, by site. */
function runningSites(state: State): Map<string, Set<string>> {
  const bySite = new Map<string, Set<string>>();
  for (const job of runningJobs(state)) {
    for (const leaseId of job.leaseIds) {
      const { lease, stage } = state.leases.get(leaseId)!;
      if (stage === "ended") continue;
      bySite.set(lease.siteId, (bySite.get(lease.siteId) ?? new Set()).add(job.jobId));
    }
  }
  return bySite;
}

function memberRow(
  state: State,
  member: Member,
  nodes: ReadonlyMap<string, readonly NodeView[]>,
  running: ReadonlyMap<string, ReadonlySet<string>>,
  lastSeen: LastSeen,
): MemberView {
  const own = member.siteIds.flatMap((siteId) => nodes.get(siteId) ?? []);
  const jobs = new Set(member.siteIds.flatMap((siteId) => [...(running.get(siteId) ?? [])]));
  const earned = earnedOf(state.ledger, member.name);
  return {
    name: member.name,
    state: member.standing,
    invitedAtMs: member.invitedAtMs,
    sites: member.siteIds.map((siteId) =>
      siteView(state.sites.get(siteId)!, nodes.get(siteId) ?? [], lastSeen(siteId)),
    ),
    accelerators: countAll(own),
    acceleratorsFree: countFree(own),
    runningJobs: jobs.size,
    deviceMs: Math.max(0, earned.deviceMs),
    earnedMicroCredits: earned.microCredits,
  };
}

function siteView(site: Site, nodes: readonly NodeView[], seenMs: number | undefined): SiteView {
  const { siteId, member, engine, state, agentVersion, calibration } = site;
  return {
    ...{ siteId, member, engine, state },
    ...(agentVersion === "" ? {} : { agentVersion }),
    ...(state === "joined" ? {} : { lastSeenMs: seenMs ?? site.changedAtMs }),
    nodes: nodes.map(({ node, freeAcceleratorIds, freeMilliCpu, freeMemoryMiB }) => ({
      ...node,
      accelerators: node.accelerators.map((accelerator) => ({ ...accelerator })),
      labels: { ...node.labels },
      freeAccelerators: freeAcceleratorIds.length,
      freeMilliCpu: Math.max(0, freeMilliCpu),
      freeMemoryMiB: Math.max(0, freeMemoryMiB),
    })),
    ...(calibration === null ? {} : { calibration }),
  };
}

/** All projects with their remembered usage. */
export function projectViews(state: State, nowMs: number): ProjectRow[] {
  const queued = waitingByProject(state);
  const running = new Map<string, number>();
  for (const { spec } of runningJobs(state)) {
    running.set(spec.project, (running.get(spec.project) ?? 0) + 1);
  }
  return [...state.projects.values()].map(({ name, parent, shares }) => ({
    ...{ name, parent, shares },
    usage: usageAt(state.ledger.usage, "project", name, nowMs),
    jobsQueued: queued.get(name) ?? 0,
    jobsRunning: running.get(name) ?? 0,
  }));
}
