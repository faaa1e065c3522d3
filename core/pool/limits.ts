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
  /** Users of one pool. Each is a few hundred bytes; a name is looked up among all of them. */
  USERS_MAX: 100_000,
  /** Roles granted to one user. Whoever needs more wants one over a project above. */
  ROLES_PER_USER_MAX: 64,
  /** API tokens of one user that are good. More are made by a script that forgets them. */
  TOKENS_PER_USER_MAX: 1_000,
  /** Sessions of one user: beyond this the oldest ends, as browsers are forgotten. */
  SESSIONS_PER_USER_MAX: 50,
  /** Each time that the number of tokens is a multiple of this, sessions that are over go. */
  TOKENS_SWEPT_EVERY: 1_000,
  /** Live streams at one time. Each holds a socket and a position in the journal. */
  STREAMS_MAX: 1_000,
  /** Live streams of one token: a console with many tabs, not a loop that forgets to close. */
  STREAMS_PER_TOKEN_MAX: 32,
  /** Requests a second of a person's token. A console asks a few a second, a script some tens. */
  PERSON_REQUESTS_PER_S: 200,
  /** Requests at once of a person's token: a script that submits a folder of jobs. */
  PERSON_REQUESTS_BURST: 2_000,
  /** The operator's token on the machine itself: more than one core answers, so that imports and
   * benches are not slowed; a loop gone wild still meets an end. */
  OPERATOR_REQUESTS_PER_S: 10_000,
  /** Requests at once of that token: two seconds of the rate. */
  OPERATOR_REQUESTS_BURST: 20_000,
  /** Requests a second of one task of a run: it asks a few and sends blobs in parts of 4 MiB. */
  TASK_REQUESTS_PER_S: 500,
  /** Requests at once of one task: a model of 8 GB in parts of 4 MiB. */
  TASK_REQUESTS_BURST: 2_000,
  /** Requests a second of one site beside its WebSocket: probes of its link. */
  SITE_REQUESTS_PER_S: 50,
  /** Requests at once of one site: all probes of a calibration, many times over. */
  SITE_REQUESTS_BURST: 500,
  /** Requests a second of an address that shows no token: some consoles behind one address. */
  ADDRESS_REQUESTS_PER_S: 50,
  /** A first page of the console is about 20 files. */
  ADDRESS_REQUESTS_BURST: 1_000,
  /** What a request with an unknown token costs its address: 10 a second may be tried. */
  WRONG_TOKEN_COST: 5,
  /** Addresses and tokens whose rates are remembered: about 10 MB. */
  RATE_KEYS_MAX: 100_000,
  /** Open connections. Each holds a file descriptor; agents, streams and browsers share them. */
  CONNECTIONS_MAX: 20_000,
  /** Bytes of the headers of one request. Browsers send about 1 kB. */
  HEADER_BYTES_MAX: 16_384,
  /** For all headers of a request to come: a slow mobile link needs two seconds. */
  HEADERS_MS: 10_000,
  /** For the whole body of a JSON request: 1 MiB at 0.3 Mbit/s. Blobs have their own time. */
  BODY_MS: 30_000,
  /** A connection over which nothing goes, in a request or after it, is closed after this time:
   * four times the heartbeat of a live stream, and the longest wait of a long poll is 30 s. */
  IDLE_MS: 65_000,
  /** From the first to the last byte of a request: 16 GiB at 38 Mbit/s. */
  REQUEST_MS: 3_600_000,
  /** Blobs that one token sends at one time. A site sends its step and its moments. */
  UPLOADS_PER_CALLER_MAX: 8,
  /** Bytes of the disk that uploads may not fill: the journal needs room when blobs have none. */
  DISK_RESERVE_BYTES: 268_435_456,
  /** Bytes of blobs of one run unless the operator says otherwise: 1 TiB, two hundred times what
   * the rounds kept of 1 G parameters need. */
  BLOBS_RUN_BYTES_DEFAULT: 1_099_511_627_776,
  /** Bytes of blobs of all runs of one project unless the operator says otherwise: 4 TiB. */
  BLOBS_PROJECT_BYTES_DEFAULT: 4_398_046_511_104,
  /** Bytes of all blobs of the pool unless the operator says otherwise: 16 TiB. A disk is full
   * long before and refuses by itself; a bucket would grow without an end. */
  BLOBS_POOL_BYTES_DEFAULT: 17_592_186_044_416,
} as const;
