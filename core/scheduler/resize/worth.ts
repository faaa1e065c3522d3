// Whether a running gang should stop to go on with more tasks: what it loses by that against what
// it saves. Where the figures come from is left to the caller.
import { assert } from "../../pool/index.ts";

/** What a gang saves must be so many times what it loses: tasks rarely share work perfectly, and
 * how long it still runs is an estimate. */
const GAIN_FACTOR = 2;

export interface Resizing {
  /** Tasks that it runs with now. */
  readonly tasks: number;
  /** Tasks that it would run with. */
  readonly moreTasks: number;
  /** Time since its last checkpoint, or since its start if it keeps none. */
  readonly unsavedMs: number;
  /** From its being told to stop until it computes again. */
  readonly restartMs: number;
  /** How long it would still run with the tasks it has. */
  readonly remainingMs: number;
}

/** True if the gang is over clearly sooner when it is started again with more tasks. */
export function worthResizing(resizing: Resizing): boolean {
  const { tasks, moreTasks, unsavedMs, restartMs, remainingMs } = resizing;
  assert(tasks > 0 && moreTasks > tasks, "a gang grows from some tasks to more");
  assert(unsavedMs >= 0 && restartMs >= 0, "nothing costs less than nothing");
  const savedMs = remainingMs * (1 - tasks / moreTasks);
  return savedMs > GAIN_FACTOR * (unsavedMs + restartMs);
}
