// What the control plane says to its operator, as lines: JSON for programs, or short ones for
// people at a terminal. Text that looks like a token of the pool is never written, whatever field
// it came in.
import type { Say } from "./ports.ts";

export interface LineOptions {
  readonly write: (line: string) => void;
  /** For people instead of JSON. */
  readonly pretty: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Tokens of persons, sessions, tasks and sites, and join tokens; their length keeps words out. */
const SECRET = /\b(?:tq[a-z]*\d*[_.]|(?:task|site)\.)[\w.~+/=-]{16,}/g;
/** Characters of one field: a stack is long, a flood is longer. */
const FIELD_CHARS_MAX = 4_000;
const TIME_START = 11;
const TIME_END = 19;

/** The text without anything that could be a token. */
export const withoutTokens = (text: string): string => text.replaceAll(SECRET, "[token]");

function fieldValue(value: unknown): unknown {
  if (typeof value === "number" || typeof value === "boolean") return value;
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return withoutTokens(text).slice(0, FIELD_CHARS_MAX);
}

/** A listener that writes every line as one line: a break in a text is written as `\n`. */
export function makeSay({ write, pretty, now }: LineOptions): Say {
  return (level, message, fields = {}) => {
    const time = new Date(now()).toISOString();
    const said = Object.entries(fields).filter(([, value]) => value !== undefined);
    const safe = said.map(([name, value]) => [name, fieldValue(value)] as const);
    const text = withoutTokens(message);
    if (!pretty) {
      const line = { time, level, message: text, ...Object.fromEntries(safe) };
      write(`${JSON.stringify(line)}\n`);
      return;
    }
    const rest = safe.map(([name, value]) => ` ${name}=${prettyValue(value)}`).join("");
    const clock = time.slice(TIME_START, TIME_END);
    write(`${clock} ${level.padEnd(5)} ${text.replaceAll("\n", "\\n")}${rest}\n`);
  };
}

function prettyValue(value: unknown): string {
  const text = String(value);
  return /^[\w.:/@%+-]+$/.test(text) ? text : JSON.stringify(text);
}
