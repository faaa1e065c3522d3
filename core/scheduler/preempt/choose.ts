// Which leases of lower priority stop for a job that cannot start otherwise: those that lose the
// least work, and of them only the ones that are needed. Leases that are stopping anyway come
// first and cost nothing; so a job whose leases are just ending does not preempt any more.
import { besideReservation, stayUntil } from "../backfill/holds.ts";
import { BOUNDS } from "../bounds.ts";
import type { Demand, SiteCandidates } from "../demand.ts";
import { compareFits, type Fit, fitSite } from "../gang/fit.ts";
import type { RunningView } from "../types.ts";
import type { Holding } from "../world.ts";
import { RoomsAfter, type Victim, victimsOf } from "./victims.ts";

/** A row of victims that does not suffice is tried so many times as long: few are looked at where
 * few suffice, and a request that nothing helps is still found out after a few tries. */
const ROW_GROWTH = 8;

export interface Preemptor {
  readonly priority: number;
  /** Whose it is: it may use what an operator keeps for that project or user. */
  readonly project: string;
  readonly user: string;
  /** When the job would be over if it starts after the stop grace. */
  readonly endsAtMs: number;
  readonly nowMs: number;
  /** Sites where the job may not go. */
  readonly excluded: ReadonlySet<string>;
  /** False for a job that may wait for stopping leases, but stop none. */
  readonly mayPreempt: boolean;
  /** Leases that it may stop whatever their priority: what was lent is taken back. */
  readonly mayRecall?: (lease: RunningView) => boolean;
}

export interface Preempting {
  readonly fit: Fit;
  readonly victims: readonly Victim[];
  /** Everything on the site that is stopping or will be: the victims, and earlier ones. */
  readonly stopping: readonly Holding[];
  /** Where leases move: keeps their new places, once the fit is kept. */
  readonly keep?: () => void;
}

/** The cheapest choice over all sites, or undefined if stopping leases does not help. */
export function choosePreemption(demand: Demand, job: Preemptor): Preempting | undefined {
  let best: Preempting | undefined;
  for (const candidates of demand.candidates) {
    if (job.excluded.has(candidates.site.siteId)) continue;
    const choice = chooseOnSite(demand, candidates, job);
    if (choice !== undefined && (best === undefined || compare(choice, best) < 0)) best = choice;
  }
  return best;
}

function chooseOnSite(
  demand: Demand,
  candidates: SiteCandidates,
  job: Preemptor,
): Preempting | undefined {
  const { site } = candidates;
  const stopping = site.holdings.filter((holding) => holding.stopping);
  const mayStop = job.mayPreempt || job.mayRecall !== undefined;
  const row = mayStop
    ? victimsOf(candidates, job.nowMs, (lease) => mayStopFor(job, lease))
    : [][Symbol.iterator]();
  const stay = { ...stayUntil(job.endsAtMs), project: job.project, user: job.user };
  const rooms = new RoomsAfter(stopping);
  const fitWithout = (chosen: readonly Victim[]): Fit | undefined => {
    const roomOf = rooms.with(chosen);
    return fitSite(
      demand,
      candidates,
      (node) => besideReservation(node, roomOf(node), stay),
      BOUNDS.GANG_STEPS_MAX,
    ).fit;
  };
  const found = shortestRow(row, stopping.length > 0, fitWithout);
  if (found === undefined) return undefined;
  const { chosen, fit } = withoutNeedless(found, fitWithout);
  return { fit, victims: chosen, stopping: [...stopping, ...chosen.map((v) => v.holding)] };
}

type FitWithout = (chosen: readonly Victim[]) => Fit | undefined;

interface Row {
  readonly chosen: readonly Victim[];
  readonly fit: Fit;
}

/** The shortest row of cheapest victims that suffices: tries rows that grow, then halves. */
function shortestRow(
  victims: Iterator<Victim, undefined>,
  someStop: boolean,
  fitWithout: FitWithout,
): Row | undefined {
  const row: Victim[] = [];
  const { value: first } = victims.next();
  if (first === undefined && !someStop) return undefined;
  const none = fitWithout(row);
  if (none !== undefined) return { chosen: row, fit: none };
  if (first !== undefined) row.push(first);
  // With `low` victims there is no fit, with `high` there is.
  let low = 0;
  let found: Row | undefined;
  for (let length = 1; found === undefined; length *= ROW_GROWTH) {
    while (row.length < length) {
      const { value } = victims.next();
      if (value === undefined) break;
      row.push(value);
    }
    if (row.length === low) return undefined;
    const fit = fitWithout(row);
    if (fit === undefined) low = row.length;
    else found = { chosen: row, fit };
  }
  let high = row.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const chosen = row.slice(0, middle);
    const fit = fitWithout(chosen);
    if (fit === undefined) low = middle;
    else [high, found] = [middle, { chosen, fit }];
  }
  return found;
}

/**
 * Cheap ones may have been added in vain before the one that mattered: the dearest go first. What
 * is wanted is which of them are needed, one after the other; as fewer never fit where more do not,
 * a whole stretch that is not needed is found by halving. The last one is needed, or a shorter row
 * would do.
 */
function withoutNeedless(row: Row, fitWithout: FitWithout): Row {
  let best = row;
  let rest = row.chosen.slice(0, -1);
  let needed = row.chosen.slice(-1);
  while (rest.length > 0) {
    // Of the rest so many, from the start, must stay at least; and so many do.
    let [low, high] = [-1, rest.length];
    for (let tried = 0; high - low > 1; tried = (low + high) >> 1) {
      const chosen = [...rest.slice(0, tried), ...needed];
      const fit = fitWithout(chosen);
      if (fit === undefined) low = tried;
      else [high, best] = [tried, { chosen, fit }];
    }
    needed = [...rest.slice(Math.max(0, high - 1), high), ...needed];
    rest = rest.slice(0, Math.max(0, high - 1));
  }
  return best;
}

const mayStopFor = (job: Preemptor, lease: RunningView): boolean =>
  job.mayRecall === undefined
    ? lease.preemptible && lease.priority < job.priority
    : job.mayRecall(lease);

function compare(a: Preempting, b: Preempting): number {
  const lost = ({ victims }: Preempting) => victims.reduce((sum, { lostMs }) => sum + lostMs, 0);
  return lost(a) - lost(b) || a.victims.length - b.victims.length || compareFits(a.fit, b.fit);
}
