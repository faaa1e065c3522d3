// Which leases of lower priority stop for a job that cannot start otherwise: those that lose the
// least work, and of them only the ones that are needed. Leases that are stopping anyway come
// first and cost nothing; so a job whose leases are just ending does not preempt any more.
import { besideReservation, stayUntil } from "../backfill/holds.ts";
import { BOUNDS } from "../bounds.ts";
import type { Demand, SiteCandidates } from "../demand.ts";
import { compareFits, type Fit, fitSite } from "../gang/fit.ts";
import { byText } from "../reasons.ts";
import type { RunningView } from "../types.ts";
import { deviceWeight, type Holding, roomsAfter } from "../world.ts";

export interface Preemptor {
  readonly priority: number;
  /** Its project: it may use what is kept for that. */
  readonly project: string;
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

export interface Victim {
  readonly holding: Holding;
  readonly lease: RunningView;
  /** Device-milliseconds of work since the last checkpoint. */
  readonly lostMs: number;
}

export interface Preempting {
  readonly fit: Fit;
  readonly victims: readonly Victim[];
  /** Everything on the site that is stopping or will be: the victims, and earlier ones. */
  readonly stopping: readonly Holding[];
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
  const victims = mayStop ? possibleVictims(candidates, job) : [];
  if (stopping.length + victims.length === 0) return undefined;
  const stay = { ...stayUntil(job.endsAtMs), project: job.project };
  const fitWithout = (chosen: readonly Victim[]): Fit | undefined => {
    const rooms = roomsAfter(site, [...stopping, ...chosen.map(({ holding }) => holding)]);
    return fitSite(
      demand,
      candidates,
      (node) => besideReservation(node, rooms(node), stay),
      BOUNDS.GANG_STEPS_MAX,
    ).fit;
  };
  if (fitWithout(victims) === undefined) return undefined;
  // The shortest row of cheapest victims that suffices, by halving.
  let [low, high] = [0, victims.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fitWithout(victims.slice(0, middle)) === undefined) low = middle + 1;
    else high = middle;
  }
  let chosen = victims.slice(0, high);
  // Cheap ones may have been added in vain before the one that mattered: the dearest go first.
  for (const victim of [...chosen].reverse()) {
    const fewer = chosen.filter((other) => other !== victim);
    if (fitWithout(fewer) !== undefined) chosen = fewer;
  }
  const fit = fitWithout(chosen);
  if (fit === undefined) return undefined;
  return { fit, victims: chosen, stopping: [...stopping, ...chosen.map((v) => v.holding)] };
}

/** Leases that may be stopped and hold something where the job could run; cheapest first. */
function possibleVictims({ site, nodes }: SiteCandidates, job: Preemptor): readonly Victim[] {
  const useful = new Set(nodes);
  const victims: Victim[] = [];
  for (const holding of site.holdings) {
    const { lease } = holding;
    if (lease === undefined || holding.stopping) continue;
    if (!mayStopFor(job, lease)) continue;
    if (!holding.parts.some((part) => useful.has(part.node))) continue;
    victims.push({ holding, lease, lostMs: lostWork(lease, job.nowMs) });
  }
  return victims.sort(
    (a, b) =>
      a.lostMs - b.lostMs ||
      a.lease.priority - b.lease.priority ||
      b.lease.startedAtMs - a.lease.startedAtMs ||
      byText(a.lease.leaseId, b.lease.leaseId),
  );
}

const mayStopFor = (job: Preemptor, lease: RunningView): boolean =>
  job.mayRecall === undefined
    ? lease.preemptible && lease.priority < job.priority
    : job.mayRecall(lease);

function lostWork(lease: RunningView, nowMs: number): number {
  const safeMs = Math.max(lease.startedAtMs, lease.checkpointAtMs ?? lease.startedAtMs);
  return Math.max(0, nowMs - safeMs) * deviceWeight(lease.placements);
}

function compare(a: Preempting, b: Preempting): number {
  const lost = ({ victims }: Preempting) => victims.reduce((sum, { lostMs }) => sum + lostMs, 0);
  return lost(a) - lost(b) || a.victims.length - b.victims.length || compareFits(a.fit, b.fit);
}
