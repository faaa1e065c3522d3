// The rules that no fault may break, checked after a run against three witnesses: what was
// accepted, what the jobs wrote down themselves, and the pool's own journal. Pure: it is given
// all it looks at. A rule that is broken is a sentence; none may be left out of the list.
import type { JobState, LeaseState, State } from "@tequio/core/controller";
import { statement } from "@tequio/core/ledger";
import type { Books } from "./books.ts";
import type { Attempt } from "./evidence.ts";
import { TICK_MS } from "./jobs.ts";
import type { Accepted } from "./stream.ts";

/** A line of the statement as the pool's API gave it. */
export interface BilledLine {
  readonly jobId: string;
  readonly member: string;
  readonly deviceMs: number;
  readonly cpuMs: number;
}

export interface Witnesses {
  readonly accepted: readonly Accepted[];
  readonly attempts: readonly Attempt[];
  readonly books: Books;
  readonly billed: {
    readonly lines: readonly BilledLine[];
    readonly totals: { readonly deviceMs: number; readonly cpuMs: number };
  };
}

export interface Figures {
  readonly completed: number;
  readonly attempts: number;
  /** Attempts beyond the first of each job. */
  readonly again: number;
  /** What the ledger has for all leases, and what the processes really lived. */
  readonly ledgerMs: number;
  readonly livedMs: number;
  /** How far the ledger is from the truth, in hundredths of a percent of the truth. */
  readonly offBasisPoints: number;
  readonly lostJobs: number;
  readonly longestLostWaitMs: number;
}

export interface Verdict {
  readonly violations: readonly string[];
  readonly figures: Figures;
}

/** A lost member's jobs run elsewhere so soon after their leases allow it. */
const LOST_WAIT_MS_MAX = 60_000;
/** The ledger may be off by so much of what the processes used. */
const LEDGER_OFF_BASIS_POINTS_MAX = 100;
/** A supervisor that is killed last wrote so long ago how long its lease ran: a lost lease may be
 * charged that much too little, never too much. */
const LOST_CHARGE_MS = 2_000;
/** A killed process lived at most so long after its last line: one tick, and a slow machine. */
const AFTER_LAST_LINE_MS = TICK_MS + 100;

/** Looks at everything; no violations means that the run was right. */
export function check(witnesses: Witnesses): Verdict {
  const usage = measureUsage(witnesses);
  const violations = [
    ...checkAccepted(witnesses),
    ...checkOutcomes(witnesses),
    ...checkAlone(witnesses.attempts),
    ...checkAttempts(witnesses),
    ...checkLeases(witnesses),
    ...checkStatement(witnesses),
    ...checkWaits(witnesses.books),
    ...usage.violations,
  ];
  const { state, lostWaits } = witnesses.books;
  const jobs = [...state.jobs.values()];
  return {
    violations,
    figures: {
      completed: jobs.filter((job) => job.outcome === "completed").length,
      attempts: witnesses.attempts.length,
      again: [...state.leases.values()].filter(({ lease }) => lease.attempt > 1).length,
      ledgerMs: usage.ledgerMs,
      livedMs: usage.livedMs,
      offBasisPoints: usage.offBasisPoints,
      lostJobs: lostWaits.length,
      longestLostWaitMs: Math.max(0, ...lostWaits.map((wait) => wait.waitedMs ?? 0)),
    },
  };
}

function checkAccepted({ accepted, books: { state } }: Witnesses): readonly string[] {
  const found: string[] = [];
  const ids = new Set(accepted.map(({ id }) => id));
  if (ids.size !== accepted.length) found.push("one job id answered two submissions");
  for (const { id, job } of accepted) {
    const known = state.jobs.get(id);
    if (known === undefined) found.push(`job ${id} was accepted and is not in the journal`);
    else if (known.spec.name !== `job-${job.index}`) found.push(`job ${id} is another job`);
  }
  for (const id of state.jobs.keys()) {
    if (!ids.has(id)) found.push(`job ${id} is in the journal and was never submitted`);
  }
  return found;
}

function checkOutcomes({ accepted, books: { state } }: Witnesses): readonly string[] {
  return accepted.flatMap(({ id, job }) => {
    const known = state.jobs.get(id);
    if (known === undefined) return [];
    if (known.stage !== "ended") return [`job ${id} never ended: it is ${known.stage}`];
    if (job.fates.some((fate) => fate === known.outcome)) return [];
    const right = job.fates.join(" or ");
    return [`job ${id} ended as ${known.outcome} (${known.message}) and not as ${right}`];
  });
}

const byJob = (attempts: readonly Attempt[]): ReadonlyMap<string, readonly Attempt[]> =>
  Map.groupBy(attempts, (attempt) => attempt.jobId);

/** No two processes of one job at one time, and a later attempt always begins later. */
function checkAlone(attempts: readonly Attempt[]): readonly string[] {
  const found: string[] = [];
  for (const [jobId, all] of byJob(attempts)) {
    const inOrder = [...all].sort((a, b) => a.begunMs - b.begunMs);
    for (const [place, next] of inOrder.entries()) {
      const before = inOrder[place - 1];
      if (before === undefined) continue;
      const who = `attempts ${before.attempt} and ${next.attempt} of job ${jobId}`;
      if (next.begunMs < before.lastMs) {
        found.push(`${who} lived at one time, for ${before.lastMs - next.begunMs} ms`);
      }
      if (next.attempt <= before.attempt) found.push(`${who} began in the wrong order`);
    }
  }
  return found;
}

const leasesOf = (state: State, job: JobState): readonly LeaseState[] =>
  job.leaseIds.map((leaseId) => state.leases.get(leaseId)!);

/** Every process had a lease, and what the pool calls done was done. */
function checkAttempts({ attempts, books: { state } }: Witnesses): readonly string[] {
  const found: string[] = [];
  const seen = byJob(attempts);
  for (const job of state.jobs.values()) {
    const leases = leasesOf(state, job);
    const wrote = seen.get(job.jobId) ?? [];
    for (const one of wrote) {
      if (leases.some(({ lease }) => lease.attempt === one.attempt)) continue;
      found.push(`attempt ${one.attempt} of job ${job.jobId} ran without a lease`);
    }
    const done = leases.filter(({ end }) => end?.outcome === "completed");
    if (job.outcome === "completed" && done.length !== 1) {
      found.push(`job ${job.jobId} is completed by ${done.length} leases`);
    }
    for (const { lease } of done) {
      if (wrote.some((one) => one.attempt === lease.attempt && one.finished)) continue;
      found.push(`job ${job.jobId} is completed and attempt ${lease.attempt} did not finish`);
    }
  }
  const unknown = attempts.filter((one) => !state.jobs.has(one.jobId));
  return [...found, ...unknown.map((one) => `job ${one.jobId} ran and the pool knows nothing`)];
}

/**
 * No lease is open, and no usage is left an estimate but one: a lease that its site never heard of
 * before it was over ran for 0 ms, and there is nobody who could report it.
 */
function checkLeases({ attempts, books: { state } }: Witnesses): readonly string[] {
  const found: string[] = [];
  const ran = new Set(attempts.map((one) => `${one.jobId}/${one.attempt}`));
  for (const { lease, stage, estimated, end } of state.leases.values()) {
    const { leaseId, jobId, attempt } = lease;
    if (stage !== "ended") found.push(`lease ${leaseId} never ended: it is ${stage}`);
    const truly = ran.has(`${jobId}/${attempt}`) || end?.usage.ranMs !== 0;
    if (estimated && truly) found.push(`the usage of lease ${leaseId} was never corrected`);
  }
  for (const site of state.sites.values()) {
    if (site.openLeases.length > 0) found.push(`${site.member} still has open leases`);
  }
  return found;
}

interface Used {
  readonly violations: readonly string[];
  readonly ledgerMs: number;
  readonly livedMs: number;
  readonly offBasisPoints: number;
}

interface Bounds {
  readonly ledgerMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

const NOTHING: Bounds = { ledgerMs: 0, leastMs: 0, mostMs: 0 };

/** What one lease is charged, and what its process really lived: at least and at most. */
function boundsOf({ lease, end }: LeaseState, attempt: Attempt | undefined): Bounds {
  const ledgerMs = end?.usage.ranMs ?? 0;
  const lost = end?.outcome === "lost";
  if (attempt === undefined) return { ...NOTHING, ledgerMs, mostMs: AFTER_LAST_LINE_MS };
  const livedMs = attempt.lastMs - attempt.begunMs;
  const mostMs = attempt.finished ? livedMs : livedMs + AFTER_LAST_LINE_MS;
  const leastMs = lost ? Math.max(0, livedMs - LOST_CHARGE_MS) : livedMs;
  // A job that takes the site's device is charged for it beside its processor.
  const devices = Math.max(1, lease.placements[0]?.acceleratorIds.length ?? 0);
  return { ledgerMs: ledgerMs * devices, leastMs: leastMs * devices, mostMs: mostMs * devices };
}

const offBy = ({ ledgerMs, leastMs, mostMs }: Bounds): number => {
  const offMs = Math.max(0, leastMs - ledgerMs, ledgerMs - mostMs);
  return mostMs === 0 ? 0 : Math.round((offMs / mostMs) * 10_000);
};

/** The ledger's time of all leases, and of those with a device, against the processes'. */
function measureUsage({ attempts, books: { state } }: Witnesses): Used {
  const seen = new Map(attempts.map((one) => [`${one.jobId}/${one.attempt}`, one]));
  let all = NOTHING;
  let device = NOTHING;
  const add = (a: Bounds, b: Bounds): Bounds => ({
    ledgerMs: a.ledgerMs + b.ledgerMs,
    leastMs: a.leastMs + b.leastMs,
    mostMs: a.mostMs + b.mostMs,
  });
  for (const lease of state.leases.values()) {
    const { jobId, attempt, placements } = lease.lease;
    const bounds = boundsOf(lease, seen.get(`${jobId}/${attempt}`));
    all = add(all, bounds);
    if (placements.some(({ acceleratorIds }) => acceleratorIds.length > 0)) {
      device = add(device, bounds);
    }
  }
  const violations: string[] = [];
  for (const [what, bounds] of [
    ["time", all],
    ["device time", device],
  ] as const) {
    if (offBy(bounds) <= LEDGER_OFF_BASIS_POINTS_MAX) continue;
    const { ledgerMs, leastMs, mostMs } = bounds;
    violations.push(`the ledger's ${what} is ${ledgerMs} ms, truly ${leastMs} to ${mostMs} ms`);
  }
  const livedMs = attempts.reduce((sum, one) => sum + one.lastMs - one.begunMs, 0);
  return { violations, ledgerMs: all.ledgerMs, livedMs, offBasisPoints: offBy(all) };
}

/** The statement of the API, the ledger and the leases say one and the same. */
function checkStatement({ billed, books: { state } }: Witnesses): readonly string[] {
  const found: string[] = [];
  const whole = statement(state.ledger);
  const sum = { deviceMs: 0, cpuMs: 0 };
  for (const { end } of state.leases.values()) {
    sum.deviceMs += end?.usage.deviceMs ?? 0;
    sum.cpuMs += end?.usage.cpuMs ?? 0;
  }
  const members = [...state.members.keys()].map((member) => statement(state.ledger, { member }));
  for (const what of ["deviceMs", "cpuMs"] as const) {
    const said = {
      "the leases": sum[what],
      "the ledger": whole.totals[what],
      "the members' statements": members.reduce((total, one) => total + one.totals[what], 0),
      "the lines of the bill": billed.lines.reduce((total, line) => total + line[what], 0),
      "the bill": billed.totals[what],
    };
    if (new Set(Object.values(said)).size === 1) continue;
    found.push(`${what} do not add up: ${JSON.stringify(said)}`);
  }
  return found;
}

function checkWaits({ lostWaits }: Books): readonly string[] {
  return lostWaits.flatMap(({ jobId, waitedMs = 0 }) => {
    if (waitedMs <= LOST_WAIT_MS_MAX) return [];
    return [`job ${jobId} of a lost site waited ${waitedMs} ms after its lease was over`];
  });
}

/** The pool's answers about jobs, against the journal folded anew. */
export function checkAnswers(
  answers: readonly { readonly id: string; readonly outcome?: string | undefined }[],
  state: State,
): readonly string[] {
  const found: string[] = [];
  if (answers.length !== state.jobs.size) {
    found.push(`the pool listed ${answers.length} jobs, its journal holds ${state.jobs.size}`);
  }
  for (const { id, outcome } of answers) {
    const folded = state.jobs.get(id)?.outcome;
    if (outcome === folded) continue;
    found.push(`the pool said that job ${id} ended as ${outcome}, its journal says ${folded}`);
  }
  return found;
}
