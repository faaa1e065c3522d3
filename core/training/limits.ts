/**
 * Every bound and waiting time of the round machine, each with its reason. Shares are of the
 * target time R of a round. Settings of one run stand in its configuration, not here.
 */
export const ROUND_LIMITS = {
  /** Sites of one run. A round's events are about 500 bytes a site: 8 MB of one record. */
  SITES_MAX: 16_384,
  /** Tries of one aggregation before the run pauses and asks for a person. */
  AGGREGATION_ATTEMPTS_MAX: 3,
  /** Wait before the second try; it doubles after each. A full disk needs seconds at least. */
  AGGREGATION_RETRY_MS: 5_000,
  /** Failed gates in a row that lead to quarantine (training reference, 3.6). */
  GATE_FAILS_MAX: 3,
  /** Clean contributions in a row that lead out of it. */
  CLEAN_TO_READMIT: 3,
  /** Rounds that a contribution may be late; then its start is too far from the model. */
  STALE_ROUNDS_MAX: 1,
  /** Weight of a contribution that is one round late (training reference, 3.7; designed). */
  STALE_WEIGHT: 0.5,
  /** Longest wait after the quorum, as a share of the last round. */
  GRACE_SHARE: 0.5,
  /** A site stops after so many times R and sends what it has: better part than nothing. */
  DEADLINE_SHARE: 1.5,
  /** A stretch is given up after so many times its expected duration ... */
  EXPIRY_FACTOR: 3,
  /** ... after more when the speed of the site is only a claim or a guess ... */
  EXPIRY_FACTOR_UNMEASURED: 10,
  /** ... and never earlier: a site that reconnects needs about this long. */
  EXPIRY_MIN_MS: 60_000,
  /** A late joiner is let in only for at least this share of the inner steps. */
  LATE_JOIN_STEPS_SHARE: 0.5,
  /** A last round shorter than this share of R would move the model by noise mostly. */
  LAST_ROUND_SHARE: 0.25,
  /** Share of the time left for which a last round is planned: what is late then is lost. */
  LAST_ROUND_FILL: 0.8,
  /** Share of a run's minutes after which a warm-up ends, however far it got. */
  WARM_UP_TIME_SHARE: 0.3,
  /** Times of a site that is too slow for a round are taken this much shorter for the next. */
  FORGIVENESS: 0.9,
  /** Speed assumed of a site that says nothing, tokens/s: a slow laptop on a small model. */
  TOKENS_PER_SECOND_GUESS: 1_000,
} as const;
