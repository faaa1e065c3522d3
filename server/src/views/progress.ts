// How far a run is and when it should end: by the stop rule that is nearest. An estimate for
// people; when a run really ends is decided by its round machine. Pure.
import type { RunState } from "@tequio/core/controller";

/** Recent rounds from which the pace is taken: enough to even out one slow round. */
const PACE_ROUNDS = 5;

interface Way {
  /** 0 to 1. */
  readonly share: number;
  readonly leftMs: number | undefined;
}

/** Milliseconds and tokens of the last pooled rounds. */
function pace({ rounds }: RunState): { readonly ms: number; readonly tokens: number } | undefined {
  const recent = rounds.filter((round) => !round.warmUp).slice(-PACE_ROUNDS);
  const first = recent[0];
  if (first === undefined) return undefined;
  const ms = (recent.at(-1)!.mergedAtMs - first.openedAtMs) / recent.length;
  const tokens = recent.flatMap((round) => round.rows).reduce((sum, row) => sum + row.tokens, 0);
  return { ms, tokens: tokens / recent.length };
}

function ways(run: RunState, nowMs: number): Way[] {
  const { machine } = run;
  const { minutes, rounds, tokens } = machine.config.stop;
  const speed = pace(run);
  const found: Way[] = [];
  if (minutes !== undefined && machine.clockStartMs !== null) {
    const wholeMs = minutes * 60_000;
    const goneMs = (machine.paused?.sinceMs ?? nowMs) - machine.clockStartMs;
    found.push({ share: goneMs / wholeMs, leftMs: wholeMs - goneMs });
  }
  if (rounds !== undefined) {
    const left = rounds - machine.roundsMerged;
    const leftMs = speed === undefined ? undefined : left * speed.ms;
    found.push({ share: machine.roundsMerged / rounds, leftMs });
  }
  if (tokens !== undefined) {
    const done = machine.tokensMerged + machine.warmUpTokens;
    const perMs = speed === undefined ? 0 : speed.tokens / speed.ms;
    found.push({ share: done / tokens, leftMs: perMs > 0 ? (tokens - done) / perMs : undefined });
  }
  return found;
}

/** Progress from 0 to 1. */
export function progressOf(run: RunState, nowMs: number): number {
  if (run.machine.phase.kind === "finished") return 1;
  const shares = ways(run, nowMs).map((way) => way.share);
  return Math.min(1, Math.max(0, ...shares));
}

/** When the run should end; undefined while nobody can say, or while it is paused. */
export function endEstimateMs(run: RunState, nowMs: number): number | undefined {
  if (run.machine.paused !== null || run.machine.phase.kind === "finished") return undefined;
  const lefts = ways(run, nowMs).flatMap(({ leftMs }) => (leftMs === undefined ? [] : [leftMs]));
  if (lefts.length === 0) return undefined;
  return Math.round(nowMs + Math.max(0, Math.min(...lefts)));
}
