// The flags of `tequio up` about what is over: how long, and how many, ended jobs and lines of the
// books stay at hand before the archive has them. Answers are the same in both places.
import { badValue, type Command } from "@tequio/cli";
import { parseDurationMs } from "@tequio/contract";
import type { KeepPolicy } from "@tequio/core/controller";
import { LIMITS } from "@tequio/core/pool";
import { whole } from "./flags.ts";

export interface KeepFlags {
  /** Milliseconds. */
  readonly keepEnded?: number;
  readonly keepEndedMax?: number;
}

function time(text: string): number {
  const value = parseDurationMs(text);
  if (value !== undefined && value >= 0) return value;
  throw badValue("A time is `90m`, `24h` or `7d`.");
}

/** Adds the flags. */
export function addKeepFlags(command: Command): Command {
  return command
    .option("--keep-ended <time>", "Ended jobs go to the archive after it; default: 30d", time)
    .option("--keep-ended-max <n>", "Ended jobs at hand at most; default: 50000", whole);
}

/** What the flags set; what they do not name keeps its default. */
export const keepOf = ({ keepEnded, keepEndedMax }: KeepFlags): KeepPolicy => ({
  endedMs: keepEnded ?? LIMITS.ENDED_KEPT_MS,
  endedMax: keepEndedMax ?? LIMITS.ENDED_KEPT_MAX,
});
