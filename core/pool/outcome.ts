// Expected trouble as a value. Every refusal in Tequio has the same four parts, so that the CLI,
// the API and the console show it alike. Bugs are not refusals: they break an invariant and throw.
import type { Code } from "./codes.ts";

/** What a person gets instead of a result: a stable code, what was wrong, and what to do. */
export interface Refusal {
  readonly ok: false;
  readonly code: Code;
  /** What was wrong, with the value that was wrong. One sentence. */
  readonly message: string;
  /** What the user can do about it. One sentence. */
  readonly hint: string;
  /** Where it was wrong, e.g. a field path or `line 3, column 7`. */
  readonly at?: string;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | Refusal;

/** Wraps a good result. */
export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

/** Makes a refusal; `code` must stand in codes.ts. */
export function refuse(code: Code, message: string, hint: string, at?: string): Refusal {
  return at === undefined
    ? { ok: false, code, message, hint }
    : { ok: false, code, message, hint, at };
}

/** Stops the process on a broken invariant: state that cannot be trusted must not be used. */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${rule}`);
}
