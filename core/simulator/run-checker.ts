// What must hold for every spanning run, whatever its sites, its aggregator and the control plane
// do: nothing is merged twice, no window is lost, and the books agree with the machine.
import type { Event, RunState, State } from "../controller/index.ts";
import { statement } from "../ledger/index.ts";
import { assert } from "../pool/index.ts";
import {
  type RoundMerged,
  type RunEvent,
  type WindowRange,
  windowCount,
} from "../training/index.ts";

/** What was seen of one run. */
interface Seen {
  readonly ranges: Map<string, readonly WindowRange[]>;
  readonly merged: Set<string>;
  /** `pass:position` of every window that counted. */
  readonly windows: Set<string>;
  tokens: number;
}

/** Failures that the world brought about itself; any other is a broken rule. */
export interface Excuses {
  readonly failedRuns: ReadonlySet<string>;
  /** A wall clock that was set forward lets time limits pass early. */
  readonly clockJumps: number;
}

/** Shares are computed in floating point. */
const SHARES_TOLERANCE = 1e-9;

export class RunChecker {
  readonly #seen = new Map<string, Seen>();

  /** Looks at a durable event. */
  onEvent(event: Event): void {
    if (event.type === "run.prepared") {
      const seen: Seen = { ranges: new Map(), merged: new Set(), windows: new Set(), tokens: 0 };
      this.#seen.set(event.jobId, seen);
    } else if (event.type === "run.advanced") {
      const seen = this.#seen.get(event.jobId);
      assert(seen !== undefined, "a run is prepared before it advances");
      onRunEvent(seen, event.event);
    }
  }

  /** Rounds that were merged, of all runs. */
  check(state: State, excuses: Excuses): void {
    const lines = statement(state.ledger).lines;
    for (const run of state.runs.values()) {
      const seen = this.#seen.get(run.jobId);
      assert(seen !== undefined, "a run was seen to be prepared");
      checkEnd(state, run, excuses);
      checkWindows(run, seen);
      const { totals } = run.machine;
      const of = (part: "tokensMerged" | "computeMs" | "bytesUp" | "bytesDown"): number =>
        totals.reduce((sum, one) => sum + one[part], 0);
      const own = lines.filter((line) => line.jobId === run.jobId);
      const booked = (part: "tokens" | "computeMs" | "bytesUp" | "bytesDown"): number =>
        own.reduce((sum, line) => sum + line[part], 0);
      assert(of("tokensMerged") === seen.tokens, "totals hold the tokens that were merged");
      assert(booked("tokens") === seen.tokens, "the books hold the tokens that were merged");
      for (const part of ["computeMs", "bytesUp", "bytesDown"] as const) {
        assert(booked(part) === of(part), `the books hold the ${part} of a run's totals`);
      }
    }
  }
}

function onRunEvent(seen: Seen, event: RunEvent): void {
  if (event.type === "contribution.accepted") {
    const { contributionId, dataRange } = event.contribution;
    assert(!seen.ranges.has(contributionId), `contribution ${contributionId} is accepted once`);
    seen.ranges.set(contributionId, dataRange);
  } else if (event.type === "round.merged") onMerge(seen, event);
}

function onMerge(seen: Seen, event: RoundMerged): void {
  const total = event.rows.reduce((sum, row) => sum + row.weight, 0);
  const shares = event.rows.reduce((sum, row) => sum + row.share, 0);
  const whole = total > 0 ? 1 : 0;
  assert(Math.abs(shares - whole) < SHARES_TOLERANCE, "shares of a round sum to one");
  for (const { contributionId, weight, tokens } of event.rows) {
    if (weight === 0) continue;
    const ranges = seen.ranges.get(contributionId);
    assert(ranges !== undefined, `contribution ${contributionId} was accepted before its merge`);
    assert(!seen.merged.has(contributionId), `contribution ${contributionId} is merged once`);
    seen.merged.add(contributionId);
    seen.tokens += tokens;
    for (const { pass, from, to } of ranges) {
      for (let at = from; at < to; at += 1) {
        const window = `${pass}:${at}`;
        assert(!seen.windows.has(window), `window ${window} counts once in its pass`);
        seen.windows.add(window);
      }
    }
  }
}

/** Every window that was ever handed out has counted, is under way, or is back in the pool. */
function checkWindows({ machine }: RunState, seen: Seen): void {
  const merging = machine.phase.kind === "aggregating" ? machine.phase.contributions : [];
  const held = [...machine.assignments, ...machine.offered, ...merging];
  const underWay = held.reduce((sum, { dataRange }) => sum + windowCount(dataRange), 0);
  const { pass, windows, next, returned } = machine.windows;
  const handedOut = pass * windows + next;
  assert(
    seen.windows.size + underWay + windowCount(returned) === handedOut,
    "no window of a pass is lost",
  );
}

/** A run ends as it should: completed, or for a reason that the world gave it. */
function checkEnd(state: State, { jobId, machine }: RunState, excuses: Excuses): void {
  const job = state.jobs.get(jobId)!;
  assert(job.stage === "ended", `run ${jobId} ends`);
  switch (job.outcome) {
    case "completed":
      assert(machine.phase.kind === "finished", `run ${jobId} completes when its machine ended`);
      break;
    case "cancelled":
      assert(job.cancelled, `run ${jobId} is cancelled by somebody`);
      break;
    case "timeout":
      assert(excuses.clockJumps > 0, `run ${jobId} keeps its time limit`);
      break;
    default:
      assert(job.outcome === "failed", `run ${jobId} ends in a known way (${job.outcome})`);
      assert(excuses.failedRuns.has(jobId), `run ${jobId} does not fail by itself`);
  }
}
