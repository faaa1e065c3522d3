// The fold: how each event changes the state. No decision is taken here and nothing is checked
// but invariants, so replaying a journal needs nothing of the scheduler or the policies.
import { correct, recordLease } from "../ledger/index.ts";
import { assert, hasPrices, type Lease, type LeaseEnd } from "../pool/index.ts";
import { applyOffers } from "./apply-offers.ts";
import { applyPeople } from "./apply-people.ts";
import { applyReservations } from "./apply-reservations.ts";
import { advance, bookRun, prepare } from "./apply-run.ts";
import { submit, submitArray } from "./apply-submit.ts";
import type { Event } from "./event.ts";
import { applyHistory } from "./history.ts";
import { offerOf } from "./lending.ts";
import {
  heldAccelerators,
  isOutsideOffer,
  shareRatio,
  theJob,
  theLease,
  theMember,
  theSite,
} from "./lookup.ts";
import { beginMove } from "./moving.ts";
import { jobOver, linesChanged, queueChanged } from "./queue-index.ts";
import { noteLease } from "./resizing.ts";
import { learnRunTime } from "./run-times.ts";
import { beforeEvent } from "./snapshot.ts";
import type { State } from "./state.ts";
import { learnSpeed } from "./throughput.ts";

/** Applies one event that happened at `atMs`; changes `state`, which the caller owns. */
export function apply(state: State, event: Event, atMs: number): void {
  assert(atMs >= state.nowMs, "time in the journal never goes back");
  beforeEvent(state, event);
  state.seq += 1;
  state.nowMs = atMs;
  if (applyPool(state, event, atMs)) return;
  if (applyJob(state, event, atMs)) return;
  if (applyLease(state, event, atMs)) return;
  assert(applyHistory(state, event), `event type ${event.type} is known`);
}

function applyPool(state: State, event: Event, atMs: number): boolean {
  switch (event.type) {
    case "pool.created":
      state.poolId = event.poolId;
      state.name = event.name;
      return true;
    case "pool.set":
      if (event.ageing !== undefined) state.ageing = event.ageing;
      if (event.backfill !== undefined) state.backfill = event.backfill;
      if (event.moves !== undefined) state.moves = event.moves;
      return true;
    case "pool.booted":
      state.bootedAtMs = atMs;
      return true;
    case "project.set": {
      const { name, parent, shares, caps } = event;
      const project = { name, parent, shares };
      const before = asksUsers(state);
      state.projects.set(name, caps === undefined ? project : { ...project, caps });
      // Lines of the queue know users only where somebody asks for them.
      if (before || asksUsers(state)) linesChanged(state);
      return true;
    }
    case "member.invited":
      invite(state, event, atMs);
      return true;
    case "invitation.revoked":
      for (const invitation of theMember(state, event.name).invitations) {
        if (invitation.state === "open") invitation.state = "revoked";
      }
      return true;
    case "member.changed": {
      const member = theMember(state, event.name);
      member.standing = event.standing;
      if (event.standing === "active") delete member.recalledDevices;
      return true;
    }
    default:
      return (
        applyOffers(state, event, atMs) ||
        applyPeople(state, event, atMs) ||
        applyReservations(state, event) ||
        applySite(state, event, atMs)
      );
  }
}

const asksUsers = ({ projects }: State): boolean =>
  [...projects.values()].some(({ caps }) => caps?.perUser !== undefined);

function invite(
  state: State,
  event: Extract<Event, { type: "member.invited" }>,
  atMs: number,
): void {
  const { name, secretHash, expiresAtMs } = event;
  const known = state.members.get(name);
  const member = known ?? {
    name,
    invitedAtMs: atMs,
    standing: "invited" as const,
    invitations: [],
    siteIds: [],
  };
  member.invitations.push({ secretHash, expiresAtMs, state: "open" });
  if (known === undefined) state.members.set(name, member);
}

function applySiteKey(state: State, event: Event): boolean {
  switch (event.type) {
    case "site.keyProposed":
      theSite(state, event.siteId).nextKey = event.publicKey;
      return true;
    case "site.keyChanged": {
      const site = theSite(state, event.siteId);
      assert(site.nextKey !== undefined, "a key is changed after one was proposed");
      site.publicKey = site.nextKey;
      delete site.nextKey;
      return true;
    }
    default:
      return false;
  }
}

function applySite(state: State, event: Event, atMs: number): boolean {
  switch (event.type) {
    case "site.joined": {
      const { siteId, member, publicKey, engine } = event;
      const owner = theMember(state, member);
      owner.siteIds.push(siteId);
      if (owner.standing === "invited") owner.standing = "active";
      for (const invitation of owner.invitations) {
        if (invitation.secretHash === event.secretHash) invitation.state = "used";
      }
      state.sites.set(siteId, {
        siteId,
        member,
        publicKey,
        engine,
        state: "joined",
        agentVersion: "",
        nodes: [],
        calibration: null,
        leaseUntilMs: 0,
        changedAtMs: atMs,
        openLeases: [],
      });
      return true;
    }
    case "site.here": {
      const site = theSite(state, event.siteId);
      site.state = "here";
      site.agentVersion = event.agentVersion;
      if (event.certificate !== undefined) site.certificate = event.certificate;
      else delete site.certificate;
      site.changedAtMs = atMs;
      return true;
    }
    case "site.away": {
      const site = theSite(state, event.siteId);
      site.state = "away";
      site.changedAtMs = atMs;
      return true;
    }
    case "site.inventoried":
      theSite(state, event.siteId).nodes = event.nodes;
      return true;
    case "site.calibrated":
      theSite(state, event.siteId).calibration = event.calibration;
      return true;
    case "site.renewed": {
      const site = theSite(state, event.siteId);
      assert(event.leaseUntilMs >= site.leaseUntilMs, "a lease horizon only moves forward");
      site.leaseUntilMs = event.leaseUntilMs;
      return true;
    }
    case "site.revoked": {
      const site = theSite(state, event.siteId);
      site.revoked = true;
      site.state = "away";
      site.changedAtMs = atMs;
      return true;
    }
    default:
      return applySiteKey(state, event);
  }
}

function applyJob(state: State, event: Event, atMs: number): boolean {
  switch (event.type) {
    case "job.submitted":
      submit(state, event, atMs);
      return true;
    case "array.submitted":
      submitArray(state, event, atMs);
      return true;
    case "job.cancelled":
      theJob(state, event.jobId).cancelled = true;
      return true;
    case "job.requeued": {
      const job = theJob(state, event.jobId);
      job.stage = "queued";
      job.message = event.reason;
      state.queue.set(job.jobId, true);
      queueChanged(state, job, true);
      return true;
    }
    case "job.ended": {
      const job = theJob(state, event.jobId);
      assert(job.stage !== "ended", `job ${job.jobId} ends once`);
      state.moving.delete(job.jobId);
      const waited = job.stage === "queued" || job.spec.run !== undefined;
      job.stage = "ended";
      if (waited) queueChanged(state, job, false);
      jobOver(state, job);
      job.endedAtMs = atMs;
      job.outcome = event.outcome;
      job.exitCode = event.exitCode;
      job.message = event.message;
      state.queue.delete(job.jobId);
      const run = state.runs.get(job.jobId);
      // What was never merged was computed and sent all the same.
      if (run !== undefined) bookRun(state, run, atMs);
      return true;
    }
    case "run.prepared":
      prepare(state, event, atMs);
      return true;
    case "run.advanced":
      advance(state, event, atMs);
      return true;
    default:
      return false;
  }
}

function applyLease(state: State, event: Event, atMs: number): boolean {
  switch (event.type) {
    case "lease.granted":
      grant(state, event.lease, atMs);
      return true;
    case "lease.starting":
      theLease(state, event.leaseId).stage = "starting";
      return true;
    case "lease.running": {
      const lease = theLease(state, event.leaseId);
      if (lease.stage !== "stopping") lease.stage = "running";
      lease.startedAtMs ??= atMs;
      theJob(state, lease.lease.jobId).startedAtMs ??= atMs;
      return true;
    }
    case "lease.stopping": {
      const lease = theLease(state, event.leaseId);
      const { outcome, graceMs, reason } = event;
      lease.stage = "stopping";
      lease.stop = { outcome, graceMs, reason };
      if (event.move !== undefined) beginMove(state, lease.lease, event.move, atMs);
      return true;
    }
    case "lease.ended":
      endLease(state, event.leaseId, event.end, event.estimated, atMs);
      return true;
    case "lease.checkpointed":
      theLease(state, event.leaseId).checkpointAtMs = atMs;
      return true;
    case "lease.corrected": {
      const lease = theLease(state, event.leaseId);
      lease.estimated = false;
      lease.end = { ...lease.end!, usage: event.usage };
      learnRunTime(state, lease);
      const { leaseId, usage } = event;
      assert(correct(state.ledger, { leaseId, usage, atMs }).ok, "a corrected lease was booked");
      return true;
    }
    default:
      return false;
  }
}

function grant(state: State, lease: Lease, atMs: number): void {
  const job = theJob(state, lease.jobId);
  assert(lease.reason !== "", "no lease without its reason");
  assert(lease.fence === state.nextFence, "fencing numbers only grow");
  state.nextFence += 1;
  state.nextLease += 1;
  const site = theSite(state, lease.siteId);
  const prices = offerOf(state, site).prices;
  state.leases.set(lease.leaseId, {
    lease,
    stage: "leased",
    ...(hasPrices(prices) ? { prices } : {}),
    startedAtMs: null,
    endedAtMs: null,
    stop: null,
    end: null,
    estimated: false,
  });
  assert(lease.grantedAtMs === atMs, "a lease begins when it is granted");
  site.openLeases.push(lease.leaseId);
  job.leaseIds.push(lease.leaseId);
  job.stage = "active";
  job.attempts = lease.attempt;
  state.moving.delete(job.jobId);
  noteLease(state, lease, true);
  // A run stays in the queue for further sites.
  if (job.spec.run !== undefined) return;
  state.queue.delete(job.jobId);
  queueChanged(state, job, false);
}

function endLease(
  state: State,
  leaseId: string,
  end: LeaseEnd,
  estimated: boolean,
  atMs: number,
): void {
  const lease = theLease(state, leaseId);
  assert(lease.stage !== "ended", `lease ${leaseId} ends once`);
  lease.stage = "ended";
  lease.endedAtMs = atMs;
  lease.end = end;
  lease.estimated = estimated;
  learnRunTime(state, lease);
  noteLease(state, lease.lease, false);
  const { siteId, jobId, placements, grantedAtMs } = lease.lease;
  const site = theSite(state, siteId);
  site.openLeases.splice(site.openLeases.indexOf(leaseId), 1);
  if (isOutsideOffer(end)) site.refusedAtMs = atMs;
  learnSpeed(state, lease);
  const spec = theJob(state, jobId).spec;
  const run = state.runs.get(jobId);
  if (run !== undefined && (end.outcome === "failed" || end.outcome === "refused")) {
    run.failures[siteId] = (run.failures[siteId] ?? 0) + 1;
  }
  recordLease(state.ledger, {
    leaseId,
    jobId,
    project: spec.project,
    user: spec.user,
    memberName: site.member,
    siteId,
    acceleratorModels: heldAccelerators(site, placements, lease.prices),
    startedAtMs: lease.startedAtMs ?? grantedAtMs,
    endedAtMs: atMs,
    usage: end.usage,
    ...shareRatio(lease.lease),
    outcome: end.outcome,
  });
}
