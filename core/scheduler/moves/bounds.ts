// Bounds of the search for moves.
export const BOUNDS = {
  /** Clearings tried for one request, over all depths. */
  STEPS_MAX: 400,
  /** Clearings of the least cost that are tried at depth 1. */
  TRIES_MAX: 12,
  /** The same for what must make room for somebody else first: each costs a search. */
  TRIES_DEEP_MAX: 6,
  /** Holdings that leave one node for one request. */
  LEAVE_MAX: 6,
} as const;
