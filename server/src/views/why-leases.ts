// What there is to say of each lease of a job: why it was put there, when it ends, who may stop
// it and with which notice, or why it ended. Sentences for people; the times are beside them.
import type { WhyLease } from "@tequio/contract";
import {
  type JobState,
  type LeaseState,
  lendingOf,
  offerOf,
  projectLine,
  type Site,
  type State,
} from "@tequio/core/controller";
import { isOwnProject, LIMITS, type Offer } from "@tequio/core/pool";
import { aboutLong, RunTimes } from "@tequio/core/scheduler";

/** Every lease of the job, newest first. */
export function whyLeases(state: State, job: JobState, nowMs: number): WhyLease[] {
  return job.leaseIds
    .map((leaseId) => whyLease(state, job, state.leases.get(leaseId)!, nowMs))
    .reverse();
}

function whyLease(state: State, job: JobState, held: LeaseState, nowMs: number): WhyLease {
  const { lease, stage, startedAtMs, endedAtMs, end } = held;
  const site = state.sites.get(lease.siteId)!;
  const about = { state, job, held, site, nowMs };
  const endsByMs = end === null ? latestEnd(about) : undefined;
  return {
    ...{ leaseId: lease.leaseId, attempt: lease.attempt, member: site.member },
    ...{ site: lease.siteId, state: stage },
    ...(startedAtMs === null ? {} : { startedAtMs }),
    ...(endedAtMs === null ? {} : { endedAtMs }),
    ...(endsByMs === undefined ? {} : { endsByMs }),
    ...(end === null ? {} : { outcome: end.outcome }),
    facts: end === null ? liveFacts(about) : endedFacts(about),
  };
}

interface About {
  readonly state: State;
  readonly job: JobState;
  readonly held: LeaseState;
  readonly site: Site;
  readonly nowMs: number;
}

/** When its time limit or its owner's time is over, whichever comes first. */
function latestEnd({ state, held, site, nowMs }: About): number {
  const limitMs = (held.startedAtMs ?? held.lease.grantedAtMs) + held.lease.walltimeMs;
  if (held.stop !== null) return Math.min(limitMs, nowMs + held.stop.graceMs);
  return Math.min(limitMs, lendingOf(state, site, nowMs).until?.atMs ?? Infinity);
}

function liveFacts(about: About): string[] {
  const { state, held, site, nowMs } = about;
  const facts = [`Put on ${site.member}: ${held.lease.reason}.`];
  if (held.stop !== null) {
    const { outcome, reason, graceMs } = held.stop;
    const after = outcome === "cancelled" ? "" : ` ${whatFollows(about)}`;
    facts.unshift(`It is being stopped (${outcome}): ${reason}; it has ${grace(graceMs)}.${after}`);
    return facts;
  }
  facts.push(endFact(about));
  const until = lendingOf(state, site, nowMs).until;
  if (until !== undefined) facts.push(`Its place is not lent for ever: ${until.text}.`);
  facts.push(...stopFacts(about));
  return facts;
}

/** How long it may run, and how long jobs like it did. */
function endFact({ state, job, held, nowMs }: About): string {
  const limit = `Its time limit is ${aboutLong(held.lease.walltimeMs)}`;
  const times = new RunTimes(state.runTimes);
  if (times.empty || held.startedAtMs === null || job.spec.run !== undefined) return `${limit}.`;
  const timed = { ...job.spec, walltimeMs: held.lease.walltimeMs };
  const ranMs = Math.max(0, nowMs - held.startedAtMs);
  const { likelyMs, lateMs } = times.estimate(timed, ranMs);
  if (lateMs >= held.lease.walltimeMs) return `${limit}.`;
  const [likely, late] = [aboutLong(likelyMs - ranMs), aboutLong(lateMs - ranMs)];
  return `${limit}; jobs like it would end in about ${likely}, nine in ten within ${late}.`;
}

/** Who may stop it. */
function stopFacts(about: About): string[] {
  const { state, job, site } = about;
  const { spec } = job;
  const offer = offerOf(state, site);
  const own = isOwnProject(offer, projectLine(state, spec.project));
  const facts: string[] = [];
  if (spec.preemptible) {
    const notice = `with ${grace(LIMITS.STOP_GRACE_MS)} of notice. ${whatFollows(about)}`;
    facts.push(`Jobs of a priority above ${spec.priority} may preempt it, ${notice}`);
    if (state.moves === true && spec.requeue && spec.run === undefined) {
      facts.push("It may be moved to another place on its site, so that a wide job has room.");
    }
  } else {
    facts.push("It is not preemptible: no job stops it because of a higher priority.");
  }
  facts.push(ownerFact(site.member, offer, own));
  return facts;
}

function ownerFact(member: string, offer: Offer, own: boolean): string {
  const notice = grace(offer.recallGraceMs);
  const anyTime = `${member} may take its machines back at any time, with ${notice} of notice.`;
  if (own) return `It runs on machines of its own owner. ${anyTime}`;
  const first = offer.ownFirst && offer.ownProjects.length > 0;
  if (!first) return `It runs on machines that ${member} lends. ${anyTime}`;
  const projects = offer.ownProjects.join(", ");
  return `It runs on machines that ${member} lends: jobs of ${projects} go first there. ${anyTime}`;
}

/** What happens to the job when a lease of it is stopped. */
function whatFollows({ state, job }: About): string {
  if (state.moving.has(job.jobId)) return "It goes on there.";
  const { requeue, run } = job.spec;
  if (run !== undefined) return "The run goes on without the site.";
  if (!requeue) return "It would not be started again: `requeue` is false.";
  return "It would be queued again, in its old place.";
}

function endedFacts({ held, site }: About): string[] {
  const { lease, startedAtMs, endedAtMs, stop } = held;
  const end = held.end!;
  const ran =
    startedAtMs === null || endedAtMs === null
      ? "never started"
      : `ran for ${aboutLong(endedAtMs - startedAtMs)}`;
  const exit = end.exitCode === null || end.exitCode === 0 ? "" : ` with exit code ${end.exitCode}`;
  const signal = end.signal === null || end.outcome !== "failed" ? "" : ` by ${end.signal}`;
  const first = `Attempt ${lease.attempt} on ${site.member} ${ran} and was over: `;
  const facts = [`${first}${OUTCOMES[end.outcome]}${exit}${signal}.`];
  const because = stop?.reason ?? end.message;
  if (because !== "") facts.push(`Because: ${because}.`);
  facts.push(`It had been put there: ${lease.reason}.`);
  return facts;
}

type Outcome = NonNullable<LeaseState["end"]>["outcome"];

const OUTCOMES = {
  completed: "it completed",
  failed: "it failed",
  cancelled: "it was cancelled",
  timeout: "its time limit was reached",
  preempted: "it was preempted",
  recalled: "its owner took the machine back",
  lost: "its site was lost",
  refused: "the site refused it",
  released: "its part of the run was over",
} as const satisfies Record<Outcome, string>;

/** `90 seconds`, `5 minutes`. */
const grace = (ms: number): string =>
  ms < 120_000 ? `${Math.round(ms / 1_000)} seconds` : aboutLong(ms);
