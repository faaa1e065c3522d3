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
  /** Nodes of each site in the list of members; the others are on the pages of their member. */
  SITE_NODES_SHOWN: 20,
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
  /** Processes and threads of one task at a time, unless its job asks for another number. A loader
   * with 64 workers of 16 threads has 1,024; a fork bomb is stopped long before the machine is. */
  TASK_PROCESSES_DEFAULT: 4_096,
  /** Most that a job may ask for: Linux has room for 32,768 by default, for all jobs together. */
  TASK_PROCESSES_MAX: 32_768,
  /** MiB that one task may write to its work folder, unless its job asks for more: 64 GiB. */
  TASK_DISK_DEFAULT_MIB: 65_536,
  /** A job's checkpoints are noted at most so often: what is lost is a matter of minutes. */
  CHECKPOINT_EVERY_MS: 10_000,
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
  /** Longest time that an offer may give a recalled job: an owner who waits longer has not taken
   * its machine back. */
  RECALL_GRACE_MAX_MS: 3_600_000,
  /** Rules, projects, prices or weekly windows of one offer. More are not read by anybody. */
  OFFER_RULES_MAX: 100,
  /** Labels of one offer, and patterns of one recall. */
  OFFER_LABELS_MAX: 64,
  /** Changes of the clocks that an offer's zone may bring along: two a year, for ten years. */
  OFFER_OFFSETS_MAX: 64,
  /** A job that was moved is left alone for this long: nobody is sent to and fro. */
  MOVE_REST_MS: 3_600_000,
  /** What is kept for a job on its way to another place is free again after this long: it would
   * have stopped, and started there, long before. */
  MOVE_KEPT_MS: 900_000,
  /** A job that may be recalled starts only where it can stay for this long. */
  OFFER_STAY_MIN_MS: 300_000,
  /** From a grant to the start of the first task, when a job must end by the clock. */
  OFFER_START_MS: 30_000,
  /** A site whose clock is off by at most this takes the pool's time for the hours of its offer. */
  OFFER_CLOCK_MS: 300_000,
  /** A site whose agent refused a lease by its offer gets no other for this long. */
  OFFER_REFUSED_MS: 60_000,
  /** Maintenance windows of one member that are planned at one time. */
  MAINTENANCE_WINDOWS_MAX: 100,
  /** Longest maintenance window: 90 days. What takes longer leaves the pool. */
  MAINTENANCE_MAX_MS: 7_776_000_000,
  /** Reservations of operators at one time: each pass of the scheduler looks at all of them. */
  RESERVATIONS_MAX: 100,
  /** Longest reservation: 90 days. What is kept for longer is a share of a project. */
  RESERVATION_MAX_MS: 7_776_000_000,
  /** Accelerators or nodes of one reservation: what is kept is named one by one in the journal. */
  RESERVATION_COUNT_MAX: 10_000,
  /** What a reservation keeps on machines that have been gone for so long is kept elsewhere. */
  RESERVATION_MOVE_MS: 60_000,
  /** A join token is good for this long: one week. */
  JOIN_TOKEN_MS: 604_800_000,
  /** Half-life of the usage that fair share remembers: one week, as Slurm's default. */
  FAIRSHARE_HALF_LIFE_MS: 604_800_000,
  /** Shortest wait that may be worth a point of priority: below a minute the order of the queue
   * would be that of arrival, whatever the priorities. */
  AGEING_POINT_MS_MIN: 60_000,
  /** Longest one: 30 days. Who wants less wants none. */
  AGEING_POINT_MS_MAX: 2_592_000_000,
  /** Jobs that the scheduler looks at in one pass beyond those that start. */
  BACKFILL_DEPTH_MAX: 1_000,
  /** Records between two snapshots. Replay of so many takes well under a second. */
  SNAPSHOT_EVERY_RECORDS: 20_000,
  /** Ended jobs and lines of the books stay at hand for so long, then the archive has them: 30
   * days. `tequio up --keep-ended` says otherwise. */
  ENDED_KEPT_MS: 2_592_000_000,
  /** Ended jobs, and lines of the books, at hand at most: about 100 MB of memory.
   * `tequio up --keep-ended-max` says otherwise. */
  ENDED_KEPT_MAX: 50_000,
  /** An estimate of what a lost site used stays open for its true report for so long: 90 days. */
  ESTIMATE_KEPT_MS: 7_776_000_000,
  /** A month of the books is closed so long after its end: statements of it were looked at. */
  BOOKS_CLOSE_AFTER_MS: 86_400_000,
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
  /** A browser's session ends whatever happens: a day, NIST SP 800-63B-4 for level AAL2. */
  SESSION_MS: 86_400_000,
  /** A browser's session ends when nobody used it for this long: one hour, as the same source. */
  SESSION_IDLE_MS: 3_600_000,
  /** A command line's session ends whatever happens: a week of work. */
  CLI_SESSION_MS: 604_800_000,
  /** A command line's session ends when nobody used it for this long: over a long weekend. */
  CLI_SESSION_IDLE_MS: 345_600_000,
  /** Somebody who changes how they sign in has done so this recently: ASVS 5 V7.5.1. */
  SIGN_IN_FRESH_MS: 900_000,
  /** A session's last use is written down at most so often. */
  SESSION_SEEN_MS: 60_000,
  /** From the start of a sign-in to its end: at a provider, with a passkey, with a device. */
  SIGN_IN_MS: 600_000,
  /** Sign-ins under way at one time, 1 kB each; the oldest is forgotten first. */
  SIGN_INS_MAX: 10_000,
  /** For each answer of the identity provider. */
  OIDC_ANSWER_MS: 10_000,
  /** What is known of the identity provider is asked for again after this time: one hour. */
  OIDC_DISCOVERY_MS: 3_600_000,
  /** After the identity provider could not be reached it is left alone for this long. */
  OIDC_RETRY_MS: 5_000,
  /** Seconds by which the provider's clock may differ: machines with NTP are within one second,
   * and a sign-in token is not older than its way over a slow network. */
  OIDC_CLOCK_TOLERANCE_S: 60,
  /** Groups that are looked at of one user. Larger claims come from a provider set up wrongly. */
  OIDC_GROUPS_MAX: 1_000,
  /** Characters of a new password. ASVS 5 V6.2.1 asks for 8 and strongly recommends 15, as does
   * NIST SP 800-63B-4 where the password is the only factor; here it is. */
  PASSWORD_CHARS_MIN: 15,
  /** ASVS 5 V6.2.9 asks for 64 at least. More is work for the server, not for a guesser. */
  PASSWORD_CHARS_MAX: 256,
  /** Wrong passwords of one user at once; NIST SP 800-63B-4 allows 100 in a row. */
  PASSWORD_TRIES_BURST: 20,
  /** Wrong passwords of one user after those. */
  PASSWORD_TRIES_PER_HOUR: 30,
  /** Wrong passwords, passkeys, invitations and codes from one address at once: a classroom. */
  ADDRESS_TRIES_BURST: 100,
  /** The same after those. */
  ADDRESS_TRIES_PER_HOUR: 600,
  /** Passwords that are checked at one time, 19 MiB and a tenth of a second each. */
  PASSWORD_CHECKS_AT_ONCE: 2,
  /** Passwords that wait for their check; more would wait longer than people do. */
  PASSWORD_CHECKS_WAITING_MAX: 50,
  /** A user's one-time link is good for this long unless the operator says otherwise: 3 days. */
  INVITE_MS: 259_200_000,
  /** The longest that an operator may say: 30 days. */
  INVITE_MS_MAX: 2_592_000_000,
  /** Passkeys of one user: a few devices and a spare. */
  PASSKEYS_PER_USER_MAX: 20,
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
  /** How long a follower lets a read wait for the record that it asks for: it lags by 0.2 s. */
  READ_WAIT_MS: 5_000,
  /** A follower that has not reached the journal's end for so long is not ready for reads. */
  FOLLOWER_LAG_MS_MAX: 10_000,
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
