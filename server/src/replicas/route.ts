// Which replica writes a text soonest, from what the pool has measured of each. Pure: the clock's
// times come in. Who the replicas are and what they hold is left to replicas.ts.

/** Within a busy time of this length what was measured loses half of its weight. */
const HALF_LIFE_MS = 10_000;
/** A replica that nobody has asked for so long has half of its measurement forgotten: else one
 * that was slow for a while would never be asked again. */
const IDLE_HALF_LIFE_MS = 30_000;
/** What a replica says of itself counts like so much measured time. */
const CLAIM_MS = 200;
/** A replica that nothing is known of. */
const TOKENS_PER_SECOND_GUESS = 50;

/** Tokens that came, and the time in which they came; older ones count less. */
export interface Pace {
  readonly tokens: number;
  readonly ms: number;
  /** When something came last. */
  readonly atMs: number;
}

export const newPace = (nowMs: number): Pace => ({ tokens: 0, ms: 0, atMs: nowMs });

/** After `tokens` more, for which the replica worked `ms`. */
export function paceAfter(pace: Pace, tokens: number, ms: number, nowMs: number): Pace {
  const { tokens: before, ms: beforeMs } = afterIdle(pace, Math.max(0, nowMs - ms));
  const kept = 0.5 ** (ms / HALF_LIFE_MS);
  return { tokens: before * kept + tokens, ms: beforeMs * kept + ms, atMs: nowMs };
}

function afterIdle({ tokens, ms, atMs }: Pace, nowMs: number): Pace {
  const kept = 0.5 ** (Math.max(0, nowMs - atMs) / IDLE_HALF_LIFE_MS);
  return { tokens: tokens * kept, ms: ms * kept, atMs };
}

/**
 * Tokens each second of all its texts together.
 * @param claimed what the replica has measured itself
 * @param busy it is at work: then nothing is forgotten for the time since it spoke
 */
export function speedOf(
  pace: Pace,
  claimed: number | undefined,
  busy: boolean,
  nowMs: number,
): number {
  const { tokens, ms } = busy ? pace : afterIdle(pace, nowMs);
  const claim = ((claimed ?? TOKENS_PER_SECOND_GUESS) * CLAIM_MS) / 1_000;
  return (1_000 * (tokens + claim)) / (ms + CLAIM_MS);
}

/**
 * Milliseconds until a new text of `tokens` is whole. Texts get their turn after every token, so
 * each of the others delays it by as many tokens as both still have.
 * @param rests tokens that each of the texts under way still has
 */
export function expectedMs(
  tokens: number,
  rests: readonly number[],
  tokensPerSecond: number,
): number {
  const ahead = rests.reduce((sum, rest) => sum + Math.min(rest, tokens), 0);
  return (1_000 * (ahead + tokens)) / tokensPerSecond;
}
