/**
 * What follows from the state and the time alone: dropping, joining, quorum, closing, opening,
 * ending. `nextEvent` gives the most urgent consequence; it is called until there is none.
 */
import { ROUND_LIMITS } from "../limits.ts";
import { changeOfStanding } from "../trust/standing.ts";
import { closing, closingAgain } from "./merge.ts";
import type { RunEvent } from "./messages.ts";
import { planJoiner, planRound, planWarmUp, runEndMs } from "./plan.ts";
import {
  assignmentOf,
  type FinishReason,
  type OpenPhase,
  type RunState,
  type SiteState,
  siteOf,
} from "./state.ts";
import { firstExpiry, hereSinceMs, lastReady, lateMs, tallyOf } from "./tally.ts";

/** The next consequence at a time, or undefined when nothing is due. */
export function nextEvent(state: RunState, atMs: number): RunEvent | undefined {
  if (state.phase.kind === "finished") return undefined;
  const urgent = changeOfTrust(state, atMs) ?? expiry(state, atMs);
  if (urgent !== undefined) return urgent;
  switch (state.phase.kind) {
    case "open":
      return inOpenRound(state, state.phase, atMs);
    case "idle":
      return betweenRounds(state, atMs);
    case "aggregating": {
      const { retryAtMs, attempt } = state.phase;
      const failing = retryAtMs !== null || state.paused?.code === "AGGREGATION_FAILED";
      if (state.stopAsked && failing) return { type: "run.finished", atMs, reason: "stopped" };
      if (retryAtMs === null || retryAtMs > atMs) return undefined;
      return closingAgain(state, state.phase, atMs, attempt + 1);
    }
    default:
      return state.phase satisfies never;
  }
}

function changeOfTrust(state: RunState, atMs: number): RunEvent | undefined {
  if (tallyOf(state).suspects.size === 0) return undefined;
  for (const site of state.sites) {
    const change = changeOfStanding(site);
    if (change === undefined) continue;
    const { siteId } = site;
    return { type: `site.${change.to}`, reason: change.reason, atMs, siteId, round: state.round };
  }
  return undefined;
}

function expiry(state: RunState, atMs: number): RunEvent | undefined {
  const first = firstExpiry(state, tallyOf(state));
  if (first === undefined || first.expiresMs > atMs) return undefined;
  const late = state.assignments.find((assignment) => assignment.expiresMs <= atMs);
  if (late === undefined) return undefined;
  const { siteId, round, expectedMs } = late;
  const reason = `nothing came, ${Math.round(expectedMs / 1_000)} s were expected`;
  return { type: "site.dropped", atMs, siteId, round, code: "STRETCH_EXPIRED", reason };
}

/** Sites that could be given a stretch in the current round, in their order. */
const idleSites = (state: RunState): readonly SiteState[] =>
  [...tallyOf(state).idle].sort().map((siteId) => siteOf(state, siteId)!);

/** Sites for a new round; one that broke the form of this round only if there is no other. */
function candidates(state: RunState): readonly SiteState[] {
  const free = state.sites.filter(
    (site) => site.here && assignmentOf(state, site.siteId) === undefined,
  );
  const clean = free.filter((site) => site.excludedRound !== state.round);
  return clean.length > 0 ? clean : free;
}

/** Contributions of this round and live sites, without those in quarantine. */
export function quorumOf(state: RunState): { readonly ready: number; readonly quorum: number } {
  const { trustedFresh: ready, trustedWorking } = tallyOf(state);
  const { share, min } = state.config.quorum;
  return { ready, quorum: Math.max(1, min, Math.ceil(share * (ready + trustedWorking))) };
}

/** Sites count alike for the quorum, but a round without most of its planned tokens is given this
 * many times its target before it closes all the same. */
const LIGHT_ROUND_FACTOR = 2;

const lightUntilMs = (phase: OpenPhase): number =>
  Math.round(phase.openedMs + LIGHT_ROUND_FACTOR * phase.targetMs);

/** Whether half of the planned tokens are there, or the time to wait for them is over. */
function heavyEnough(state: RunState, phase: OpenPhase, atMs: number): boolean {
  return atMs >= lightUntilMs(phase) || halfIsThere(state);
}

/** Whether the contributions of this round are at least as heavy as those still expected. */
function halfIsThere(state: RunState): boolean {
  const { freshRows, workingRows } = tallyOf(state);
  return freshRows >= workingRows;
}

/**
 * End of the grace window (training reference, 3.7): half of the last round after the quorum,
 * or when the last planned site is late by half of its time, whatever is sooner.
 */
export function graceEndMs(state: RunState, phase: OpenPhase): number | null {
  if (phase.quorumAtMs === null) return null;
  const last = lastReady(state, tallyOf(state));
  const readyMs = Math.max(0, last === undefined ? 0 : lateMs(last));
  const longestMs = ROUND_LIMITS.GRACE_SHARE * (state.lastRoundMs ?? phase.targetMs);
  return Math.round(Math.max(phase.quorumAtMs, Math.min(phase.quorumAtMs + longestMs, readyMs)));
}

function inOpenRound(state: RunState, phase: OpenPhase, atMs: number): RunEvent | undefined {
  if (state.stopAsked) return { type: "run.finished", atMs, reason: "stopped" };
  if (!phase.warmUp) {
    for (const site of idleSites(state)) {
      const assignment = planJoiner(state, phase, site, atMs);
      if (assignment !== undefined) return { type: "site.assigned", atMs, assignment };
    }
  }
  const reason = reasonToClose(state, phase, atMs);
  if (reason !== undefined) return closeRound(state, phase, reason, atMs);
  const { ready, quorum } = quorumOf(state);
  if (phase.quorumAtMs === null && ready >= quorum && heavyEnough(state, phase, atMs)) {
    return { type: "round.quorum", atMs, round: state.round, ready, quorum };
  }
  const endMs = runEndMs(state);
  if (endMs !== null && endMs <= atMs) return { type: "run.finished", atMs, reason: "time is up" };
  return abandonment(state, phase, atMs);
}

function reasonToClose(state: RunState, phase: OpenPhase, atMs: number): string | undefined {
  if (state.offered.length === 0) return undefined;
  if (tallyOf(state).working === 0) return "everyone ready";
  const endMs = runEndMs(state);
  // A few tokens of a slow site would move the last model by their noise: better without them.
  if (endMs !== null && endMs <= atMs) return halfIsThere(state) ? "time is up" : undefined;
  const graceMs = graceEndMs(state, phase);
  return graceMs !== null && graceMs <= atMs ? "quorum and grace" : undefined;
}

/** Before the round closes, stretches of the round before it are too old for the next one. */
function closeRound(state: RunState, phase: OpenPhase, reason: string, atMs: number): RunEvent {
  const old = state.assignments.find(
    ({ round }) => state.round + 1 - round > ROUND_LIMITS.STALE_ROUNDS_MAX,
  );
  if (old !== undefined) {
    const { siteId, round } = old;
    const why = `round ${state.round} closes, and its stretch began in round ${round}`;
    return { type: "site.dropped", atMs, siteId, round, code: "MISSED_ROUND", reason: why };
  }
  const { warmUp } = phase;
  return closing(state, atMs, { warmUp, attempt: 1, reason, contributions: state.offered });
}

/**
 * A round that nobody works for and that has nothing to merge: given up when its stretches are
 * gone, or when somebody else is there who would otherwise wait for sites that may not return.
 */
function abandonment(state: RunState, phase: OpenPhase, atMs: number): RunEvent | undefined {
  if (state.offered.length > 0 || tallyOf(state).working > 0) return undefined;
  const left = state.assignments.some(({ round }) => round === state.round);
  if (left && idleSites(state).length === 0) return undefined;
  const reason = phase.warmUp
    ? "the site that warmed up left"
    : "all its sites left before one had contributed";
  return { type: "round.abandoned", atMs, round: state.round, code: "ROUND_ABANDONED", reason };
}

/** Which of the run's ends is reached, between two rounds. */
function endReached(state: RunState, atMs: number): FinishReason | undefined {
  const { rounds, tokens } = state.config.stop;
  const endMs = runEndMs(state);
  if (state.stopAsked) return "stopped";
  if (rounds !== undefined && state.roundsMerged >= rounds) return "rounds reached";
  if (tokens !== undefined && state.tokensMerged + state.warmUpTokens >= tokens) {
    return "tokens reached";
  }
  return endMs !== null && endMs <= atMs ? "time is up" : undefined;
}

function betweenRounds(state: RunState, atMs: number): RunEvent | undefined {
  const reason = endReached(state, atMs);
  if (reason !== undefined) return { type: "run.finished", atMs, reason };
  if (state.paused !== null || gatherEndMs(state) > atMs) return undefined;
  const idle = candidates(state);
  if (idle.length === 0) return undefined;
  if (!state.warmedUp) return planWarmUp(state, idle, atMs);
  return planRound(state, idle, atMs) ?? { type: "run.finished", atMs, reason: "time is up" };
}

/** Before the first round others get a moment to arrive; afterwards nobody waits for anybody. */
function gatherEndMs(state: RunState): number {
  if (state.clockStartMs !== null) return 0;
  const sinceMs = hereSinceMs(state);
  return sinceMs === Infinity ? 0 : sinceMs + (state.config.gatherMs ?? 0);
}

/** When the machine wants a `tick`; null while only inputs can move it. Never before `nowMs`. */
export function nextWakeMs(state: RunState): number | null {
  const { phase } = state;
  if (phase.kind === "finished") return null;
  const first = firstExpiry(state, tallyOf(state));
  const times = first === undefined ? [] : [first.expiresMs];
  const endMs = runEndMs(state);
  if (endMs !== null && phase.kind !== "aggregating") times.push(endMs);
  if (phase.kind === "aggregating" && phase.retryAtMs !== null) times.push(phase.retryAtMs);
  const graceMs = phase.kind === "open" ? graceEndMs(state, phase) : null;
  if (graceMs !== null) times.push(graceMs);
  if (phase.kind === "open" && phase.quorumAtMs === null) {
    const { ready, quorum } = quorumOf(state);
    if (ready >= quorum) times.push(lightUntilMs(phase));
  }
  const gatherMs = phase.kind === "idle" ? gatherEndMs(state) : 0;
  if (gatherMs > 0) times.push(gatherMs);
  return times.length === 0 ? null : Math.max(state.nowMs, Math.min(...times));
}
