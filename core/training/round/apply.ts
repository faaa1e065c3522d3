/**
 * How an event changes the state. No decision is made here: whoever replays the journal gets the
 * same state byte for byte, whatever the rules of `settle.ts` have become meanwhile.
 */
import { assert } from "../../pool/index.ts";
import { returnWindows, sameRanges, takeWindows, type WindowRange } from "../assignment.ts";
import type { Reason } from "../codes.ts";
import { ROUND_LIMITS } from "../limits.ts";
import { observeStep, observeTransfer, speedFromStep } from "../speed.ts";
import { gainShares } from "../trust/gain.ts";
import { noteGain, noteVerdict } from "../trust/standing.ts";
import { entryOf } from "./merge.ts";
import type { MergedRow, RoundClosing, RoundMerged, RoundOpened, RunEvent } from "./messages.ts";
import {
  type Assignment,
  type Contribution,
  putBySite,
  putOffered,
  type RunState,
  rowOfSite,
  type SiteState,
  type SiteTotals,
  siteOf,
  takeBySite,
} from "./state.ts";
import { forgetTally, retally } from "./tally.ts";

/** Folds one event into the state, in place. */
export function apply(state: RunState, event: RunEvent): void {
  state.nowMs = Math.max(state.nowMs, event.atMs);
  const siteId = siteOfEvent(event);
  if (siteId !== undefined) retally(state, siteId, () => applyToSite(state, event));
  else {
    applyToRun(state, event as Exclude<RunEvent, SiteEvent>);
    if (event.type !== "round.quorum") forgetTally(state);
  }
}

/** The one site that an event changes, if it is about one. */
function siteOfEvent(event: RunEvent): string | undefined {
  if (event.type === "site.assigned") return event.assignment.siteId;
  return event.type === "contribution.accepted" ? event.contribution.siteId : namedSite(event);
}

const namedSite = (event: RunEvent) => ("siteId" in event ? event.siteId : undefined);

function applyToSite(state: RunState, event: RunEvent): void {
  switch (event.type) {
    case "site.joined":
      join(state, event);
      break;
    case "site.left":
      setAway(state, event.siteId, { code: "SITE_AWAY", reason: "it left" }, event.atMs);
      break;
    case "site.dropped":
      drop(state, event);
      break;
    case "site.assigned":
      assign(state, event.assignment);
      break;
    case "contribution.accepted":
      acceptContribution(state, event.contribution);
      break;
    case "contribution.refused":
      refuseContribution(state, event);
      break;
    case "site.quarantined":
    case "site.readmitted":
      setQuarantine(state, event.siteId, event.type === "site.quarantined");
      break;
    default:
      assert(event.type === "site.refused", "an event that names a site is about that site");
  }
}

type SiteEvent = Extract<RunEvent, { type: `site.${string}` | `contribution.${string}` }>;

/** The events that concern the round or the run as a whole. */
function applyToRun(state: RunState, event: Exclude<RunEvent, SiteEvent>): void {
  const { phase } = state;
  switch (event.type) {
    case "round.opened":
      open(state, event);
      break;
    case "round.quorum":
      if (phase.kind === "open") state.phase = { ...phase, quorumAtMs: event.atMs };
      break;
    case "round.closing":
      close(state, event);
      break;
    case "aggregation.failed":
      if (phase.kind === "aggregating") state.phase = { ...phase, retryAtMs: event.retryAtMs };
      break;
    case "round.merged":
      merge(state, event);
      break;
    case "round.abandoned":
      abandon(state, event.round);
      break;
    case "run.paused":
      state.paused = { code: event.code, reason: event.reason, sinceMs: event.atMs };
      break;
    case "run.resumed":
      resume(state, event.atMs);
      break;
    case "run.stopping":
      state.stopAsked = true;
      break;
    case "run.finished":
      finish(state, event);
      break;
    default:
      event satisfies never;
  }
}

function join(state: RunState, event: Extract<RunEvent, { type: "site.joined" }>): void {
  const known = siteOf(state, event.siteId);
  if (known !== undefined) {
    if (!known.here) known.sinceMs = event.atMs;
    known.here = true;
    known.away = null;
    known.link = event.link;
    known.tokensPerSecondHint = event.tokensPerSecondHint;
    return;
  }
  const site: SiteState = {
    siteId: event.siteId,
    here: true,
    away: null,
    sinceMs: event.atMs,
    link: event.link,
    tokensPerSecondHint: event.tokensPerSecondHint,
    speed: null,
    transferMs: null,
    lastOffered: null,
    excludedRound: null,
    modelRound: null,
    failsInRow: 0,
    cleanInRow: 0,
    quarantined: false,
  };
  putBySite(state.sites, site);
}

function setAway(state: RunState, siteId: string, away: Reason, atMs: number): void {
  const site = siteOf(state, siteId);
  if (site === undefined) return;
  site.here = false;
  site.away = { code: away.code, reason: away.reason };
  site.sinceMs = atMs;
}

/**
 * A present site of unknown speed that missed its round is at least so slow, whatever it claims;
 * its first measurement replaces this. A measured one was silent for some other reason.
 */
function drop(state: RunState, event: Extract<RunEvent, { type: "site.dropped" }>): void {
  const site = siteOf(state, event.siteId);
  const lost = removeAssignment(state, event.siteId);
  if (site === undefined || lost === undefined) return;
  const atLeastMs = (event.atMs - lost.assignedMs) / lost.innerSteps;
  if (site.here && site.speed === null && atLeastMs > 0) {
    site.speed = { ...speedFromStep(lost.batch, atLeastMs), count: 0 };
  }
  setAway(state, event.siteId, event, event.atMs);
}

function removeAssignment(state: RunState, siteId: string): Assignment | undefined {
  const removed = takeBySite(state.assignments, siteId);
  if (removed !== undefined) giveBack(state, removed.dataRange);
  return removed;
}

function giveBack(state: RunState, ranges: readonly WindowRange[]): void {
  if (ranges.length > 0) state.windows = returnWindows(state.windows, ranges);
}

function open(state: RunState, event: RoundOpened): void {
  state.round = event.round;
  state.clockStartMs ??= event.atMs;
  if (!event.warmUp) {
    state.scheduleStartMs ??= event.atMs;
    state.innerSteps = event.innerSteps;
  }
  state.phase = {
    kind: "open",
    warmUp: event.warmUp,
    openedMs: event.atMs,
    targetMs: event.targetMs,
    lrStart: event.lrStart,
    lrEnd: event.lrEnd,
    quorumAtMs: null,
  };
  for (const assignment of event.assignments) assign(state, assignment);
  for (const { siteId, code } of event.sittingOut) {
    if (code === "SITE_TOO_SLOW") forgive(siteOf(state, siteId));
  }
}

/** One bad measurement must not shut a site out for good: it gets its chance after some rounds. */
function forgive(site: SiteState | undefined): void {
  if (site === undefined) return;
  const factor = ROUND_LIMITS.FORGIVENESS;
  if (site.speed !== null) site.speed = { ...site.speed, scaleMs: site.speed.scaleMs * factor };
  if (site.transferMs !== null) site.transferMs *= factor;
}

function assign(state: RunState, assignment: Assignment): void {
  const taken = takeWindows(state.windows, assignment.innerSteps * assignment.batch);
  assert(sameRanges(taken.ranges, assignment.dataRange), "assigned windows are the next ones");
  state.windows = taken.pool;
  putBySite(state.assignments, assignment);
  const site = siteOf(state, assignment.siteId);
  if (site !== undefined) site.modelRound = assignment.round;
  totalsOf(state, assignment.siteId).bytesDown += assignment.bytesDown;
}

/** The totals row of a site, made at its first mention. */
function totalsOf(state: RunState, siteId: string): SiteTotals {
  const known = rowOfSite(state.totals, siteId);
  if (known !== undefined) return known;
  const row: SiteTotals = {
    siteId,
    roundsOffered: 0,
    roundsMerged: 0,
    refused: 0,
    tokensOffered: 0,
    tokensMerged: 0,
    computeMs: 0,
    bytesUp: 0,
    bytesDown: 0,
  };
  putBySite(state.totals, row);
  return row;
}

/** Windows that were assigned but not trained on go back at once. */
function acceptContribution(state: RunState, contribution: Contribution): void {
  const { siteId, round, blob, batch, innerSteps, computeMs, transferMs } = contribution;
  const site = siteOf(state, siteId);
  const assignment = site === undefined ? undefined : takeBySite(state.assignments, siteId);
  if (site === undefined || assignment === undefined) return;
  giveBack(state, without(assignment.dataRange, contribution.dataRange));
  putOffered(state, contribution);
  site.lastOffered = { round, blob };
  site.transferMs = observeTransfer(site.transferMs ?? undefined, transferMs);
  if (computeMs > 0) {
    site.speed = observeStep(site.speed ?? undefined, batch, computeMs / innerSteps);
  }
  const totals = totalsOf(state, siteId);
  totals.roundsOffered += 1;
  totals.tokensOffered += contribution.tokens;
  totals.computeMs += Math.round(computeMs);
  totals.bytesUp += contribution.bytes;
}

/** What is left of the ranges after a prefix of them. */
function without(
  ranges: readonly WindowRange[],
  prefix: readonly WindowRange[],
): readonly WindowRange[] {
  return ranges.flatMap((range) => {
    const done = prefix.find((part) => part.pass === range.pass && part.from === range.from);
    if (done === undefined) return [range];
    return done.to < range.to ? [{ ...range, from: done.to }] : [];
  });
}

function refuseContribution(
  state: RunState,
  event: Extract<RunEvent, { type: "contribution.refused" }>,
): void {
  const site = siteOf(state, event.siteId);
  if (site === undefined) return;
  if (!event.stretchVoid) return;
  totalsOf(state, event.siteId).refused += 1;
  removeAssignment(state, event.siteId);
  site.excludedRound = state.round;
  site.failsInRow += 1;
  site.cleanInRow = 0;
}

function close(state: RunState, event: RoundClosing): void {
  const before = state.phase;
  if (before.kind === "aggregating") {
    state.phase = { ...before, attempt: event.attempt, retryAtMs: null };
    return;
  }
  state.phase = {
    kind: "aggregating",
    warmUp: event.warmUp,
    openedMs: before.kind === "open" ? before.openedMs : event.atMs,
    closedMs: event.atMs,
    closeReason: event.reason,
    attempt: event.attempt,
    retryAtMs: null,
    contributions: state.offered,
  };
  state.offered = [];
}

function merge(state: RunState, event: RoundMerged): void {
  if (state.phase.kind !== "aggregating") return;
  const rows = new Map(event.rows.map((row) => [row.contributionId, row]));
  for (const contribution of state.phase.contributions) {
    const row = rows.get(contribution.contributionId);
    assert(row !== undefined, "a merged round has a row for every contribution");
    mergeOne(state, contribution, row);
  }
  if (!event.warmUp) noteGains(state, state.phase.contributions, rows);
  state.model = {
    digest: event.modelDigest,
    modelBlob: event.modelBlob,
    stepBlob: event.stepBlob,
    stepBytes: event.bytesDown,
    checkpointBlob: event.checkpointBlob,
    momentsBlob: event.momentsBlob,
    heldOutLoss: event.heldOutLoss,
  };
  if (event.warmUp) {
    state.warmUpTokens += event.tokens;
    state.warmedUp = event.tokens > 0;
  } else {
    state.tokensMerged += event.tokens;
    state.roundsMerged += 1;
    state.lastRoundMs = event.durationMs;
  }
  state.round = event.round + 1;
  state.phase = { kind: "idle" };
}

function mergeOne(
  state: RunState,
  contribution: Contribution,
  { weight, verdict, staleness }: MergedRow,
): void {
  const totals = totalsOf(state, contribution.siteId);
  if (weight > 0) {
    totals.roundsMerged += 1;
    totals.tokensMerged += contribution.tokens;
  } else {
    totals.refused += 1;
    giveBack(state, contribution.dataRange);
  }
  const site = siteOf(state, contribution.siteId);
  if (site === undefined) return;
  noteVerdict(site, verdict === "passed", staleness > 0);
}

/** How much each contribution of the round's own model helped; a late one is of another model. */
function noteGains(
  state: RunState,
  contributions: readonly Contribution[],
  rows: ReadonlyMap<string, MergedRow>,
): void {
  const tried = contributions.flatMap((one) => {
    const { verdict, lossBefore, lossAfter } = rows.get(one.contributionId)!;
    const { siteId, weight } = entryOf(state, one);
    return verdict === "unreadable" ? [] : [{ siteId, weight, lossBefore, lossAfter }];
  });
  const shares = gainShares(tried);
  for (const { siteId, round } of contributions) {
    const share = shares.get(siteId);
    const site = siteOf(state, siteId);
    if (share !== undefined && site !== undefined && round === state.round) noteGain(site, share);
  }
}

/** A round without contributions ends: its stretches are void, its number is used again. */
function abandon(state: RunState, round: number): void {
  for (const { siteId, round: of } of [...state.assignments]) {
    if (of === round) removeAssignment(state, siteId);
  }
  state.phase = { kind: "idle" };
}

function setQuarantine(state: RunState, siteId: string, quarantined: boolean): void {
  const site = siteOf(state, siteId);
  if (site === undefined) return;
  site.quarantined = quarantined;
  site.failsInRow = 0;
  site.cleanInRow = 0;
}

/** The time of a pause counts neither for the run's minutes nor for its learning rate. */
function resume(state: RunState, atMs: number): void {
  const pausedMs = atMs - (state.paused?.sinceMs ?? atMs);
  if (state.clockStartMs !== null) state.clockStartMs += pausedMs;
  if (state.scheduleStartMs !== null) state.scheduleStartMs += pausedMs;
  state.paused = null;
}

function finish(state: RunState, event: Extract<RunEvent, { type: "run.finished" }>): void {
  for (const { siteId } of [...state.assignments]) removeAssignment(state, siteId);
  const merging = state.phase.kind === "aggregating" ? state.phase.contributions : [];
  for (const { dataRange } of [...merging, ...state.offered]) giveBack(state, dataRange);
  state.offered = [];
  state.phase = { kind: "finished", atMs: event.atMs, reason: event.reason };
}
