/**
 * Counts that the decisions of an open round need after every contribution: who works, who is
 * ready, who is idle, what expires next. They follow from the state, are not part of it, and are
 * kept beside it while it is folded, so that a round of n sites costs n steps and not n squared.
 * `apply.ts` keeps them right; what they mean for a round is decided in `settle.ts`.
 */
import { ROUND_LIMITS } from "../limits.ts";
import { changeOfStanding } from "../trust/standing.ts";
import {
  type Assignment,
  assignmentOf,
  type Contribution,
  offeredOf,
  type RunState,
  type SiteState,
  siteOf,
} from "./state.ts";

/** Stretches in the order of a time; those that are over meanwhile are skipped. */
interface Line {
  readonly items: Assignment[];
  first: number;
}

/** Derived from a state; valid until its next event. */
export interface Tally {
  /** Sites that could be given a stretch in the current round. */
  readonly idle: Set<string>;
  /** Sites whose contributions in a row ask for a change of trust. */
  readonly suspects: Set<string>;
  /** Stretches of the current round whose sites are there, all and without quarantine. */
  working: number;
  trustedWorking: number;
  /** Batch rows that they are to train on. */
  workingRows: number;
  /** Contributions of the current round, and without quarantine, and their batch rows. */
  trustedFresh: number;
  freshRows: number;
  readonly byExpiry: Line;
  readonly byReady: Line;
  /** Since when the first of the present sites is here; undefined: to be looked up. */
  hereSinceMs: number | undefined;
}

/** When a stretch is late by the share of its time that is waited for, ms. */
export const lateMs = ({ assignedMs, expectedMs }: Assignment): number =>
  assignedMs + expectedMs * (1 + ROUND_LIMITS.GRACE_SHARE);

/** Whether what a site gave asks for a change of trust. */
const isSuspect = (site: SiteState): boolean => changeOfStanding(site) !== undefined;

const tallies = new WeakMap<RunState, Tally>();

/** The counts of a state, from scratch if nothing is known of it. */
export function tallyOf(state: RunState): Tally {
  const known = tallies.get(state);
  if (known !== undefined) return known;
  const tally: Tally = {
    ...{ idle: new Set(), suspects: new Set() },
    ...{ working: 0, trustedWorking: 0, workingRows: 0, trustedFresh: 0, freshRows: 0 },
    byExpiry: { items: state.assignments.toSorted(byExpiry), first: 0 },
    byReady: { items: state.assignments.toSorted(byReady), first: 0 },
    hereSinceMs: Infinity,
  };
  for (const site of state.sites) count(tally, state, site, 1);
  tallies.set(state, tally);
  return tally;
}

const byExpiry = (a: Assignment, b: Assignment): number => a.expiresMs - b.expiresMs;
const byReady = (a: Assignment, b: Assignment): number => lateMs(b) - lateMs(a);

/** An event changed more than one site: count anew at the next question. */
export const forgetTally = (state: RunState): boolean => tallies.delete(state);

/** Makes a change of one site, whatever it is, and counts that site anew. */
export function retally(state: RunState, siteId: string, change: () => void): void {
  const tally = tallies.get(state);
  if (tally === undefined) {
    change();
    return;
  }
  const before = siteOf(state, siteId);
  if (before !== undefined) count(tally, state, before, -1);
  const held = assignmentOf(state, siteId);
  change();
  const after = siteOf(state, siteId);
  if (after === undefined) return;
  count(tally, state, after, 1);
  const holds = assignmentOf(state, siteId);
  if (holds === undefined) return;
  if (holds !== held) insert(tally.byExpiry, holds, byExpiry);
  // A site that came back may have been skipped while it was away.
  insert(tally.byReady, holds, byReady);
}

/** Adds a site to all counts, or takes it off. */
function count(tally: Tally, state: RunState, site: SiteState, sign: 1 | -1): void {
  const { siteId, here, quarantined, sinceMs } = site;
  if (here && tally.hereSinceMs !== undefined) {
    if (sign > 0) tally.hereSinceMs = Math.min(tally.hereSinceMs, sinceMs);
    else if (sinceMs === tally.hereSinceMs) tally.hereSinceMs = undefined;
  }
  const stretch = assignmentOf(state, siteId);
  const fresh = offeredOf(state, siteId, state.round);
  if (stretch !== undefined && here && stretch.round === state.round) {
    tally.working += sign;
    tally.workingRows += sign * rowsOf(stretch);
    if (!quarantined) tally.trustedWorking += sign;
  }
  if (fresh !== undefined) {
    tally.freshRows += sign * rowsOf(fresh);
    if (!quarantined) tally.trustedFresh += sign;
  }
  const idle =
    here &&
    stretch === undefined &&
    site.lastOffered?.round !== state.round &&
    site.excludedRound !== state.round;
  if (idle && sign > 0) tally.idle.add(siteId);
  else tally.idle.delete(siteId);
  if (sign > 0 && isSuspect(site)) tally.suspects.add(siteId);
  else tally.suspects.delete(siteId);
}

const rowsOf = (work: Assignment | Contribution): number => work.innerSteps * work.batch;

/** Puts a stretch behind all that come before it, and never before the first that counts. */
function insert(
  line: Line,
  item: Assignment,
  order: (a: Assignment, b: Assignment) => number,
): void {
  let from = line.first;
  let to = line.items.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (order(line.items[middle]!, item) <= 0) from = middle + 1;
    else to = middle;
  }
  line.items.splice(from, 0, item);
}

/** The first stretch of a line that is still under way. */
function firstOf(line: Line, counts: (item: Assignment) => boolean): Assignment | undefined {
  while (line.first < line.items.length) {
    const item = line.items[line.first]!;
    if (counts(item)) return item;
    line.first += 1;
  }
  return undefined;
}

/** The stretch that expires first. */
export const firstExpiry = (state: RunState, tally: Tally): Assignment | undefined =>
  firstOf(tally.byExpiry, (item) => assignmentOf(state, item.siteId) === item);

/** The stretch of the current round, of a site that is there, that is expected last. */
export const lastReady = (state: RunState, tally: Tally): Assignment | undefined =>
  firstOf(
    tally.byReady,
    (item) =>
      item.round === state.round &&
      assignmentOf(state, item.siteId) === item &&
      siteOf(state, item.siteId)?.here === true,
  );

/** Since when the first of the present sites is here; Infinity when there is none. */
export function hereSinceMs(state: RunState): number {
  const tally = tallyOf(state);
  tally.hereSinceMs ??= state.sites.reduce(
    (first, site) => (site.here ? Math.min(first, site.sinceMs) : first),
    Infinity,
  );
  return tally.hereSinceMs;
}
