// Bounds of the search for moves.
export const BOUNDS = {
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
