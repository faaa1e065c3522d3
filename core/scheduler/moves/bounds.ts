// Bounds of the search for moves.
import { LIMITS } from "../../pool/index.ts";

export const BOUNDS = {
  /** Leases that move for one job: each is somebody's interruption. */
  LEASES_MAX: 8,
  /** Blocked requests of one pass for which moves are sought, until some are found: a search costs
   * a look at all nodes and leases of the sites in question. */
  JOBS_MAX: 4,
  /** How far one of them may depend on another; deeper ones gain less than 0.1 points on openb. */
  LEASES_DEPTH: 2,
  /** From being told to stop until it computes again: the grace, and the start of tasks. */
  RESTART_MS: LIMITS.STOP_GRACE_MS + LIMITS.OFFER_START_MS,
  /** Clearings tried for one request, over all depths. */
  STEPS_MAX: 400,
  /** Clearings of the least cost that are tried where everything finds a free place. */
  TRIES_MAX: 12,
  /** The same where room must be made for somebody else first: each try costs a search. */
  TRIES_DEEP_MAX: 6,
  /** Holdings that leave one node for one request. */
  LEAVE_MAX: 10,
  /** What a holding without accelerators counts for, in thousandths of one, when it is chosen
   * who gives up processors: moving it costs little, but not nothing. */
  CPU_ONLY_MILLI: 300,
  /** Thousandths lost to others that weigh as much as one move. */
  LOSS_MILLI: 50,
} as const;
