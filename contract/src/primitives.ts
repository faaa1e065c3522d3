// The small wire shapes that others are made of: names, durations, sizes, digests, pages.
// Text forms that users already know (Slurm's durations and arrays, SkyPilot's sizes) are parsed
// here once; behind this door everything is a number with its unit.
import { LIMITS } from "@tequio/core/pool";
import { z } from "zod";

/** Lower-case name of a member, project, job or site. */
export const Name = z
  .string()
  .min(1)
  .max(LIMITS.NAME_CHARS_MAX)
  .regex(/^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/, {
    message: "use letters, digits, '.', '_' and '-', starting and ending with a letter or digit",
  });

export const JobId = z.string().regex(/^[0-9]{1,12}(_[0-9]{1,6})?$/, {
  message: "a job id is a number such as 17, or 17_3 for a task of an array",
});

/** Milliseconds since 1970, by the pool's clock. */
export const EpochMs = z.number().int().nonnegative();
export const Count = z.number().int().nonnegative();

/** `sha256:` and 64 hexadecimal digits. */
export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, {
  message: "a digest is 'sha256:' and 64 hexadecimal digits",
});

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Milliseconds of a duration: `90s`, `30m`, `12h`, `2d`, or Slurm's `minutes`,
 * `minutes:seconds`, `hours:minutes:seconds`, `days-hours[:minutes[:seconds]]`.
 * Undefined when it is none of these.
 */
export function parseDurationMs(text: string): number | undefined {
  const trimmed = text.trim();
  const unit = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(trimmed);
  if (unit !== null) return Math.ceil(Number(unit[1]) * UNIT_MS[unit[2]!]!);
  const slurm = /^(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?$/.exec(trimmed);
  if (slurm === null) return undefined;
  const [first, second, third] = [slurm[2], slurm[3], slurm[4]].map((part) => Number(part ?? 0));
  if (slurm[1] !== undefined) {
    const hours = Number(slurm[1]) * 24 + first!;
    return ((hours * 60 + second!) * 60 + third!) * 1_000;
  }
  if (slurm[4] !== undefined) return ((first! * 60 + second!) * 60 + third!) * 1_000;
  return (first! * 60 + second!) * 1_000;
}

/** A moment that means the same everywhere: with its zone, or in UTC. */
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * A deadline: minutes or a duration from the submission on, or a moment with its zone such as
 * `2026-12-01T18:00Z`. Undefined when it is none of these.
 */
export function parseDeadline(
  given: number | string,
): { readonly atMs: number } | { readonly afterMs: number } | undefined {
  if (typeof given === "number") return { afterMs: Math.ceil(given * 60_000) };
  const text = given.trim();
  const atMs = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  if (atMs >= 0) return { atMs: Math.floor(atMs) };
  const afterMs = parseDurationMs(text) ?? 0;
  return afterMs > 0 ? { afterMs } : undefined;
}

const SIZE_MIB: Readonly<Record<string, number>> = {
  k: 1 / 1_024,
  m: 1,
  g: 1_024,
  t: 1_048_576,
};

/** MiB of a size such as `512M`, `16GB`, `1.5TiB`; powers of 1,024. A bare number is GiB. */
export function parseSizeMiB(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?)?$/i.exec(text.trim());
  if (match === null) return undefined;
  return Math.ceil(Number(match[1]) * SIZE_MIB[(match[2] ?? "g").toLowerCase()]!);
}

/** Largest index of a task: a job id has room for six digits of it. */
const ARRAY_INDEX_MAX = 999_999;

/** A task array: `0-15`, `0,6,16-32`, `0-15:4`, `0-15%4` (at most 4 run at one time). */
export function parseArray(text: string): { indices: number[]; maxRunning: number } | undefined {
  const match = /^([0-9,:-]+)(?:%(\d+))?$/.exec(text.trim());
  if (match === null) return undefined;
  const indices = new Set<number>();
  let listed = 0;
  for (const part of match[1]!.split(",")) {
    const range = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(part);
    if (range === null) return undefined;
    const from = Number(range[1]);
    const to = Number(range[2] ?? range[1]);
    const step = Number(range[3] ?? 1);
    if (to < from || step < 1 || to > ARRAY_INDEX_MAX) return undefined;
    listed += Math.floor((to - from) / step) + 1;
    if (listed > LIMITS.ARRAY_TASKS_MAX) return undefined;
    for (let index = from; index <= to; index += step) indices.add(index);
  }
  const maxRunning = match[2] === undefined ? indices.size : Number(match[2]);
  if (maxRunning < 1) return undefined;
  return { indices: [...indices].sort((a, b) => a - b), maxRunning };
}

/** A page of a list: rows, and the cursor of the next page when there is one. */
export const pageOf = <T extends z.ZodType>(row: T) =>
  z.strictObject({ rows: z.array(row), nextCursor: z.string().optional() });

export const PageQuery = z.strictObject({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.PAGE_ROWS_MAX).default(100),
});

/** What every refusal looks like on the wire. */
export const Problem = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  at: z.string().optional(),
  requestId: z.string().optional(),
});
export type Problem = z.infer<typeof Problem>;
