// The pool, its members, sites and projects, from the state to the contract's views. Pure.
import type { CallReply, MemberDetail, MemberView, PoolView } from "@tequio/contract";
import type { Member, State } from "@tequio/core/controller";
import { projectViews as shareViews, waitingByProject } from "@tequio/core/controller";
import type { LedgerState } from "@tequio/core/ledger";
import { AGEING_DEFAULT, BACKFILL_DEFAULT } from "@tequio/core/pool";
import { type DeviceSums, deviceSums, nodeRows, siteView } from "./nodes.ts";
import { countWork, runningJobs } from "./work.ts";

type ProjectRow = CallReply<"listProjects">["rows"][number];

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
    ageing: state.ageing === undefined ? AGEING_DEFAULT : state.ageing,
    backfill: state.backfill ?? BACKFILL_DEFAULT,
    moves: state.moves ?? false,
  };
}

/** Devices of the sites that are here, without a look at each of maybe 100,000 nodes. */
function countDevices(state: State): DeviceSums {
  let [accelerators, acceleratorsFree] = [0, 0];
  for (const site of state.sites.values()) {
    if (site.state !== "here") continue;
    const sums = deviceSums(state, site);
    accelerators += sums.accelerators;
    acceleratorsFree += sums.acceleratorsFree;
  }
  return { accelerators, acceleratorsFree };
}

interface Earned {
  deviceMs: number;
  microCredits: number;
}

interface Books {
  /** Number of the first entry that is not added up, counted from the first that ever was. */
  upTo: number;
  readonly byMember: Map<string, Earned>;
}

const books = new WeakMap<LedgerState, Books>();

/** Sums by member of the entries that have left the books. */
function leftBooks(ledger: LedgerState): Books {
  const byMember = new Map<string, Earned>();
  for (const { rows } of Object.values(ledger.periods)) {
    for (const { member, deviceMs, creditsMicro } of Object.values(rows)) {
      const sum = byMember.get(member) ?? { deviceMs: 0, microCredits: 0 };
      sum.deviceMs += deviceMs;
      sum.microCredits += creditsMicro;
      byMember.set(member, sum);
    }
  }
  return { upTo: ledger.left.entries, byMember };
}

/** Sums of the books by member; entries are only ever added, so each is added up once. */
function earnedOf(ledger: LedgerState, member: string): Earned {
  const { left, entries } = ledger;
  const known = books.get(ledger);
  const sums = known !== undefined && known.upTo >= left.entries ? known : leftBooks(ledger);
  for (; sums.upTo < left.entries + entries.length; sums.upTo += 1) {
    const entry = entries[sums.upTo - left.entries]!;
    const sum = sums.byMember.get(entry.memberName) ?? { deviceMs: 0, microCredits: 0 };
    sum.deviceMs += entry.usage.deviceMs;
    sum.microCredits += entry.chargeMicro;
    sums.byMember.set(entry.memberName, sum);
  }
  books.set(ledger, sums);
  return sums.byMember.get(member) ?? { deviceMs: 0, microCredits: 0 };
}

/** A page of members in the order of invitation; `after` is the name of the last one before. */
export function memberPage(
  state: State,
  lastSeen: LastSeen,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): { readonly rows: MemberView[]; readonly nextCursor?: string } {
  const running = runningSites(state);
  const rows: MemberView[] = [];
  let begun = after === undefined;
  for (const member of state.members.values()) {
    if (begun && rows.length === limit) return { rows, nextCursor: rows.at(-1)!.name };
    if (begun) rows.push(memberRow(state, member, running, lastSeen));
    if (member.name === after) begun = true;
  }
  return { rows };
}

/** One member as a row of the list; undefined when there is none of that name. */
export function memberView(state: State, lastSeen: LastSeen, name: string): MemberView | undefined {
  const member = state.members.get(name);
  return member && memberRow(state, member, runningSites(state), lastSeen);
}

/** True for text that `memberDetail` gives out: a site, and how many of its nodes were shown. */
export const isNodeCursor = (text: string): boolean => /^[\w-]{1,64}\/[0-9]{1,9}$/.test(text);

/** One member with a page of its nodes; undefined when there is none of that name. */
export function memberDetail(
  state: State,
  lastSeen: LastSeen,
  name: string,
  { limit, cursor }: { readonly limit: number; readonly cursor: string | undefined },
): MemberDetail | undefined {
  const member = state.members.get(name);
  if (member === undefined) return undefined;
  const row = memberRow(state, member, runningSites(state), lastSeen, 0);
  const [first = member.siteIds[0], shown = "0"] = cursor?.split("/") ?? [];
  const nodes: MemberDetail["nodes"] = [];
  let from = Number(shown);
  for (const siteId of member.siteIds.slice(Math.max(0, member.siteIds.indexOf(first ?? "")))) {
    const site = state.sites.get(siteId)!;
    const part = nodeRows(state, site, from, limit - nodes.length);
    nodes.push(...part.map((node) => ({ ...node, site: siteId })));
    const next = from + part.length;
    if (next < site.nodes.length) return { ...row, nodes, nextCursor: `${siteId}/${next}` };
    from = 0;
  }
  return { ...row, nodes };
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
  running: ReadonlyMap<string, ReadonlySet<string>>,
  lastSeen: LastSeen,
  nodesMax?: number,
): MemberView {
  const jobs = new Set(member.siteIds.flatMap((siteId) => [...(running.get(siteId) ?? [])]));
  const earned = earnedOf(state.ledger, member.name);
  const sites = member.siteIds.map((siteId) =>
    siteView(state, state.sites.get(siteId)!, lastSeen(siteId), nodesMax),
  );
  return {
    name: member.name,
    state: member.standing,
    invitedAtMs: member.invitedAtMs,
    sites,
    accelerators: sites.reduce((sum, site) => sum + site.accelerators, 0),
    acceleratorsFree: sites.reduce((sum, site) => sum + site.acceleratorsFree, 0),
    runningJobs: jobs.size,
    deviceMs: Math.max(0, earned.deviceMs),
    earnedMicroCredits: earned.microCredits,
  };
}

/** All projects with their remembered usage. */
export function projectViews(state: State, nowMs: number): ProjectRow[] {
  const queued = waitingByProject(state);
  const running = new Map<string, number>();
  for (const { spec } of runningJobs(state)) {
    running.set(spec.project, (running.get(spec.project) ?? 0) + 1);
  }
  return shareViews(state, nowMs).map(({ name, parent, shares, caps, usage, credit = 0 }) => ({
    ...{ name, parent, shares, usage, credit },
    ...(caps === undefined ? {} : { caps }),
    jobsQueued: queued.get(name) ?? 0,
    jobsRunning: running.get(name) ?? 0,
  }));
}
