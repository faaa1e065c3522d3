// The curves of a run from its rounds: pure, so that the figures can be tested without a screen.
import type { RoundView, RunDetail } from "@tequio/contract";

export type LossAxis = "time" | "tokens";

export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

type RunPart = Pick<RunDetail, "rounds" | "tokens" | "startedAtMs" | "lossBefore">;

/** Rounds from the first to the last, however the pool sorts them. */
export const inOrder = (rounds: readonly RoundView[]): readonly RoundView[] =>
  [...rounds].sort((a, b) => a.round - b.round || a.mergedAtMs - b.mergedAtMs);

/** Tokens of a round that went into the model: those of contributions with a weight. */
export const roundTokens = (round: RoundView): number =>
  round.rows.reduce((sum, row) => sum + (row.weight > 0 ? row.tokens : 0), 0);

/**
 * Held-out loss over milliseconds since the start, or over tokens. The pool keeps only the newest
 * rounds of a long run: the tokens of those before are what is missing from the run's total.
 */
export function lossCurve(run: RunPart, axis: LossAxis): Curve {
  const rounds = inOrder(run.rounds);
  const first = rounds[0];
  if (first === undefined) return { x: [], y: [] };
  const startMs = run.startedAtMs ?? first.openedAtMs;
  const shown = rounds.reduce((sum, round) => sum + roundTokens(round), 0);
  const missing = Math.max(0, run.tokens - shown);
  const x: number[] = [];
  const y: number[] = [];
  if (run.lossBefore !== undefined && missing === 0) {
    x.push(0);
    y.push(run.lossBefore);
  }
  let tokens = missing;
  for (const round of rounds) {
    tokens += roundTokens(round);
    const { heldOutLoss } = round;
    if (heldOutLoss === undefined) continue;
    const at = axis === "tokens" ? tokens : Math.max(0, round.mergedAtMs - startMs);
    // A chart's axis must grow: rounds that merge in the same millisecond become one point.
    if (x.length > 0 && at <= x.at(-1)!) {
      y[y.length - 1] = heldOutLoss;
      continue;
    }
    x.push(at);
    y.push(heldOutLoss);
  }
  return { x, y };
}

export interface SpeedLines {
  /** Round numbers. */
  readonly rounds: readonly number[];
  /** Tokens per second for each round; null where the member gave nothing. */
  readonly byMember: ReadonlyMap<string, readonly (number | null)[]>;
}

/**
 * Rounds over which a speed is the mean. A contribution that misses its round counts in the next
 * one; over a single round that member would seem to stop and then to be twice as fast.
 */
const SPEED_ROUNDS = 3;

/**
 * Tokens per second of each member, over the whole time of the newest `SPEED_ROUNDS` rounds: the
 * lines add up to the run's speed, and waiting for others shows as what it is. A member that gave
 * nothing in these rounds has no speed.
 */
export function speedLines(rounds: readonly RoundView[], members: readonly string[]): SpeedLines {
  const ordered = inOrder(rounds).filter((round) => round.mergedAtMs > round.openedAtMs);
  const byMember = new Map<string, (number | null)[]>();
  for (const member of members) {
    byMember.set(
      member,
      ordered.map((round, i) => {
        // A warm-up is another kind of work than the rounds after it, so they are not mixed.
        const near = ordered
          .slice(Math.max(0, i + 1 - SPEED_ROUNDS), i + 1)
          .filter((one) => one.phase === round.phase);
        const rows = near.flatMap((one) => one.rows.filter((row) => row.member === member));
        if (rows.length === 0) return null;
        const tokens = rows.reduce((sum, row) => sum + row.tokens, 0);
        const ms = near.reduce((sum, one) => sum + one.mergedAtMs - one.openedAtMs, 0);
        return (tokens * 1_000) / ms;
      }),
    );
  }
  return { rounds: ordered.map((round) => round.round), byMember };
}

/** All members that a run knows by name, those that left long ago included. */
export function memberNames(run: Pick<RunDetail, "members" | "rounds">): readonly string[] {
  const names = new Set(run.members.map((member) => member.member));
  for (const round of run.rounds) for (const row of round.rows) names.add(row.member);
  return [...names].sort();
}
