/**
 * Expected trouble of the trainer as values, in the shape that the whole product uses. Codes are
 * those of the pool plus two of its own; broken invariants are thrown by `assert`.
 */
import type { Refusal as PoolRefusal } from "@tequio/core/pool";

export { assert } from "@tequio/core/pool";

/** What only the trainer can meet, with its meaning. */
export const TRAINER_CODES = {
  EXECUTOR_UNAVAILABLE: { means: "No engine for the arithmetic of training loads here." },
  LOSS_NOT_FINITE: { means: "The loss or the model stopped being finite: training diverged." },
} as const;

export type TrainerCode = PoolRefusal["code"] | keyof typeof TRAINER_CODES;

/** A stable code, what was wrong, and what the user can do about it. */
export interface Refusal extends Omit<PoolRefusal, "code"> {
  readonly code: TrainerCode;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | Refusal;

/** Wraps a good result. */
export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

/** Makes a refusal: message says what was wrong, hint what to do. */
export const refuse = (code: TrainerCode, message: string, hint: string): Refusal => ({
  ok: false,
  code,
  message,
  hint,
});
