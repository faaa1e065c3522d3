// The fold of a run's events: the round machine moves on, its rounds are kept for people, and each
// site's part goes into the books.
import { recordContribution } from "../ledger/index.ts";
import { assert, LIMITS } from "../pool/index.ts";
import { apply as applyRound, createRun, type RunEvent } from "../training/index.ts";
import type { Event } from "./event.ts";
import { theJob, theSite } from "./lookup.ts";
import { withMilestone } from "./milestones.ts";
import type { RoundRow, RunState, State } from "./state.ts";
import { learnStretch } from "./throughput.ts";

/** The run begins to exist, with its first model. */
export function prepare(
  state: State,
  event: Extract<Event, { type: "run.prepared" }>,
  atMs: number,
): void {
  const { jobId, config, heldOutLoss } = event;
  assert(!state.runs.has(jobId), `run ${jobId} is prepared once`);
  state.runs.set(jobId, {
    jobId,
    machine: createRun(config, atMs),
    failures: {},
    version: 1,
    lossBefore: heldOutLoss,
    startedAtMs: atMs,
    booked: {},
    rounds: [],
  });
}

/** One event of the round machine, its rounds for people and its amounts for the books. */
export function advance(
  state: State,
  { jobId, event }: Extract<Event, { type: "run.advanced" }>,
  atMs: number,
): void {
  const run = state.runs.get(jobId);
  assert(run !== undefined, `run ${jobId} is prepared`);
  if (event.type === "round.merged") keepRound(run, event, atMs);
  countRefusals(run, event);
  applyRound(run.machine, event);
  // A worker that delivers has not failed "in a row".
  if (event.type === "contribution.accepted") {
    delete run.failures[event.contribution.siteId];
    learnStretch(state, jobId, event.contribution);
  }
  run.version += 1;
  // A site's part is booked once it was judged, whole: the books count parts, not messages.
  if (event.type === "round.merged") {
    const sites = new Set(event.rows.map(({ siteId }) => siteId));
    bookRun(state, run, atMs, (siteId) => sites.has(siteId));
  }
  if (event.type === "contribution.refused" && event.stretchVoid) {
    bookRun(state, run, atMs, (siteId) => siteId === event.siteId);
  }
}

/** What was added to the totals of these sites since the last time goes into the books. */
export function bookRun(
  state: State,
  run: RunState,
  atMs: number,
  takes: (siteId: string) => boolean = () => true,
): void {
  for (const total of run.machine.totals) {
    const { siteId } = total;
    if (!takes(siteId)) continue;
    const old = run.booked[siteId];
    const tokens = total.tokensMerged - (old?.tokensMerged ?? 0);
    const computeMs = total.computeMs - (old?.computeMs ?? 0);
    const bytesUp = total.bytesUp - (old?.bytesUp ?? 0);
    const bytesDown = total.bytesDown - (old?.bytesDown ?? 0);
    if (tokens === 0 && computeMs === 0 && bytesUp === 0 && bytesDown === 0) continue;
    run.booked[siteId] = { ...total };
    recordContribution(state.ledger, {
      runId: run.jobId,
      project: theJob(state, run.jobId).spec.project,
      memberName: theSite(state, siteId).member,
      round: run.machine.round,
      atMs,
      tokens,
      computeMs,
      bytesUp,
      bytesDown,
      accepted: tokens > 0,
      contributions: Math.max(1, total.roundsMerged - (old?.roundsMerged ?? 0)),
    });
  }
}

function keepRound(
  run: RunState,
  event: Extract<RunEvent, { type: "round.merged" }>,
  atMs: number,
): void {
  const phase = run.machine.phase;
  assert(phase.kind === "aggregating", "a round is merged after it was closed");
  const offers = new Map(phase.contributions.map((one) => [one.contributionId, one]));
  const rows = event.rows.map((row): RoundRow => {
    const offer = offers.get(row.contributionId);
    return {
      siteId: row.siteId,
      tokens: row.tokens,
      batch: offer?.batch ?? 0,
      innerSteps: offer?.innerSteps ?? 0,
      computeMs: offer?.computeMs ?? 0,
      transferMs: offer?.transferMs ?? 0,
      bytesUp: offer?.bytes ?? 0,
      bytesDown: event.bytesDown,
      share: row.share,
      norm: row.norm,
      verdict: row.code === null ? "merged" : (row.reason ?? row.code),
    };
  });
  run.rounds.push({
    round: event.round,
    warmUp: event.warmUp,
    openedAtMs: phase.openedMs,
    mergedAtMs: atMs,
    heldOutLoss: event.heldOutLoss,
    rows,
  });
  if (run.rounds.length > LIMITS.RUN_ROUNDS_KEPT) run.rounds.shift();
  const { round, modelDigest: digest, checkpointBlob, heldOutLoss } = event;
  if (checkpointBlob === null) return;
  run.milestones = withMilestone(run.milestones ?? [], {
    ...{ round, digest, checkpointBlob, heldOutLoss },
  });
}

/** What did not count is told in the model's lineage, by its code. */
function countRefusals(run: RunState, event: RunEvent): void {
  const count = (siteId: string, code: string): void => {
    run.refusals ??= {};
    run.refusals[siteId] ??= {};
    const codes = run.refusals[siteId];
    codes[code] = (codes[code] ?? 0) + 1;
  };
  if (event.type === "contribution.refused") count(event.siteId, event.code);
  if (event.type !== "round.merged") return;
  for (const { siteId, code } of event.rows) if (code !== null) count(siteId, code);
}
