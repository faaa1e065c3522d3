// Every limit of the pool in one place, each with its reason. What goes past a limit is refused
// with a code, never lost. docs/reference/limits.md is made from this file.

export const LIMITS = {
  /** Bytes of one JSON request. A job description is a few kilobytes; more is a mistake. */
  REQUEST_BYTES_MAX: 1_048_576,
  /** Bytes of one agent message. An inventory of 1,000 nodes with 8 devices is about 1 MB. */
  MESSAGE_BYTES_MAX: 4_194_304,
  /** Bytes of one blob. A checkpoint of 1 G parameters in fp32 with moments is 12 GB. */
  BLOB_BYTES_MAX: 17_179_869_184,
  /** Rows on one page of a list. Beyond this a page is slow before it is useful. */
  PAGE_ROWS_MAX: 500,
  /** Jobs that may wait at once. The control plane holds about 1 kB for each. */
  QUEUE_JOBS_MAX: 1_000_000,
  /** Tasks of one array. Slurm's default is 1,001; sweeps of the field have 100,000. */
  ARRAY_TASKS_MAX: 10_000,
  /** Tasks of one gang. They must start at one time, which wider gangs rarely can. */
  GANG_TASKS_MAX: 1_024,
  /** Jobs that one job may depend on. */
  DEPENDENCIES_MAX: 100,
  /** Characters of a name. It must fit a table column and a file name. */
  NAME_CHARS_MAX: 63,
  /** Bytes of a job's command and environment together. Linux takes 2 MiB; we journal it. */
  COMMAND_BYTES_MAX: 65_536,
  /** Bytes of log kept for one attempt. What follows is counted and thrown away. */
  LOG_BYTES_PER_ATTEMPT_MAX: 16_777_216,
  /** Attempts of one job. A job that loses its site this often has another problem. */
  ATTEMPTS_MAX: 10,
  /** Time limit of a job that names none: one day. Backfill needs some limit. */
  WALLTIME_DEFAULT_MS: 86_400_000,
  /** Longest time limit: 30 days. */
  WALLTIME_MAX_MS: 2_592_000_000,
  /** How long a site may run its leases without hearing from the pool. */
  LEASE_HORIZON_MS: 45_000,
  /** The pool waits this much longer than the site before it believes a lease is over:
   * clocks that drift by 1 in 10 stay safe over one horizon. */
  LEASE_MARGIN_MS: 5_000,
  /** An agent speaks at least this often. */
  HEARTBEAT_MS: 3_000,
  /** A site that is silent for this long counts as away: 4 missed heartbeats. */
  SITE_SILENT_MS: 12_000,
  /** Between the polite and the hard signal to a job that must stop. Slurm's KillWait is 30 s. */
  STOP_GRACE_MS: 10_000,
  /** A join token is good for this long: one week. */
  JOIN_TOKEN_MS: 604_800_000,
  /** Half-life of the usage that fair share remembers: one week, as Slurm's default. */
  FAIRSHARE_HALF_LIFE_MS: 604_800_000,
  /** Jobs that the scheduler looks at in one pass beyond those that start. */
  BACKFILL_DEPTH_MAX: 1_000,
  /** Records between two snapshots. Replay of so many takes well under a second. */
  SNAPSHOT_EVERY_RECORDS: 20_000,
  /** Idempotency keys that the pool remembers; the oldest is forgotten first. */
  IDEMPOTENCY_KEYS_MAX: 100_000,
  /** Rounds whose rows the run page keeps in state; older ones stay in the journal. */
  RUN_ROUNDS_KEPT: 500,
  /** Live streams at one time. Each holds a socket and a position in the journal. */
  STREAMS_MAX: 1_000,
} as const;
