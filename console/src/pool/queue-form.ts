// The pool's queue settings as the form holds them, and the way to the contract and back. Pure.
import { PoolChange, type PoolView, parseDurationMs } from "@tequio/contract";

export interface QueueDraft {
  /** Waiting time of a point; empty: waiting raises nothing. */
  readonly point: string;
  readonly most: string;
  readonly backfill: PoolView["backfill"];
  readonly moves: boolean;
}

type Ageing = PoolView["ageing"];
type PoolChangeBody = Pick<PoolView, "ageing" | "backfill" | "moves">;

/** What the command line proposes, too. */
const MOST_DEFAULT = "1000";
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** In the largest unit that says it in whole numbers. */
function durationText(ms: number): string {
  if (ms % HOUR_MS === 0) return `${ms / HOUR_MS}h`;
  return ms % MINUTE_MS === 0 ? `${ms / MINUTE_MS}m` : `${ms / 1_000}s`;
}

/** The settings as texts. */
export const draftOfPool = ({
  ageing,
  backfill,
  moves,
}: Pick<PoolView, "ageing" | "backfill" | "moves">): QueueDraft => ({
  point: ageing === null ? "" : durationText(ageing.pointMs),
  most: ageing === null ? MOST_DEFAULT : String(ageing.pointsMax),
  ...{ backfill, moves },
});

/** Null: off. Undefined: what is typed is no ageing. */
export function ageingOf(draft: QueueDraft): Ageing | undefined {
  if (draft.point.trim() === "") return null;
  const ageing = { pointMs: parseDurationMs(draft.point), pointsMax: Number(draft.most) };
  const parsed = PoolChange.shape.ageing.safeParse(ageing);
  return parsed.success ? parsed.data : undefined;
}

/** What the pool is asked for; undefined while something typed is wrong. */
export function queueChangeOf(draft: QueueDraft): PoolChangeBody | undefined {
  const ageing = ageingOf(draft);
  if (ageing === undefined) return undefined;
  return { ageing, backfill: draft.backfill, moves: draft.moves };
}
