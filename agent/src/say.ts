// The agent's log lines: one event a line, for people first, and `key=value` pairs that a program
// can find. It leaves to the composition root where the lines go and when they were written.
import type { Refusal } from "@tequio/core/pool";

export type Level = "info" | "warn" | "error";
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;
/** Says what happened. Secrets never go in. */
export type Say = (level: Level, what: string, fields?: Fields) => void;

/** Makes a `Say` that writes lines such as `info  Lease started. lease=L1 job=17 tasks=2`. */
export function makeSay(log: (line: string) => void): Say {
  return (level, what, fields = {}) => {
    const pairs = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${quoted(String(value))}`);
    log(`${level.padEnd(5)} ${what}${pairs.join("")}`);
  };
}

/** Says a refusal with its code and hint. */
export function sayRefusal(say: Say, level: Level, refusal: Refusal): void {
  say(level, refusal.message, { code: refusal.code, hint: refusal.hint });
}

/** Words of a thrown thing. */
export const whyOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

// Control characters would let a pool or a job write lines of its own into the log.
const quoted = (value: string): string =>
  /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
