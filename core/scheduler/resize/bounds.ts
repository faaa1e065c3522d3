// Bounds of what is done for gangs that change their size.
import { LIMITS } from "../../pool/index.ts";

export const RESIZE = {
  /** From being told to stop until it computes again: the grace, and the start of tasks. */
  RESTART_MS: LIMITS.STOP_GRACE_MS + LIMITS.OFFER_START_MS,
  /** Gangs that begin to grow in one pass: each is somebody's interruption. */
  GROWS_MAX: 4,
  /** Gangs that are looked at for that: each costs a look at its site. */
  LOOKED_MAX: 32,
  /** Lines of the queue that are asked whether they wait for the same room. With more of them
   * somebody surely does. */
  LINES_MAX: 256,
  /** Jobs of one line that are passed over because they start in this very pass. */
  LINE_STARTS_MAX: 64,
} as const;
