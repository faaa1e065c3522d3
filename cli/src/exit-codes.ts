// What the command line ends with, in one table. docs/reference/cli.md lists it; scripts may rely
// on it. Which verb returns what is the verb's business.

/** Exit codes of `tequio`. */
export const EXIT = {
  /** Done. */
  OK: 0,
  /** The job that was waited for failed, or something broke that has no number of its own. */
  FAILED: 1,
  /** The command line cannot be understood. */
  USAGE: 2,
  /** The request was understood and refused. */
  REFUSED: 3,
  /** There is nothing by this name or id. */
  NOT_FOUND: 4,
  /** No token, a wrong one, or one that may not do this. */
  NOT_ALLOWED: 5,
  /** The pool does not answer. */
  UNREACHABLE: 6,
  /** The control plane could not start: its port or its data folder cannot be had. */
  NO_START: 7,
  /** Ended by Ctrl-C before it was done: 128 and the number of SIGINT, as shells do. */
  INTERRUPTED: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each exit code means to the caller, for the reference and `tequio help`. */
export const EXIT_MEANS: ReadonlyMap<ExitCode, string> = new Map([
  [EXIT.OK, "done"],
  [EXIT.FAILED, "the job failed, or something broke"],
  [EXIT.USAGE, "the command line cannot be understood"],
  [EXIT.REFUSED, "the request was refused"],
  [EXIT.NOT_FOUND, "nothing by this name or id"],
  [EXIT.NOT_ALLOWED, "no token, a wrong one, or not allowed"],
  [EXIT.UNREACHABLE, "the pool does not answer"],
  [EXIT.NO_START, "the control plane cannot start (port, data folder)"],
  [EXIT.INTERRUPTED, "interrupted with Ctrl-C"],
]);

/** Codes that do not end in REFUSED. */
const BY_CODE: Readonly<Record<string, ExitCode>> = {
  USAGE: EXIT.USAGE,
  NOT_FOUND: EXIT.NOT_FOUND,
  SIGN_IN_OFF: EXIT.NOT_FOUND,
  UNAUTHENTICATED: EXIT.NOT_ALLOWED,
  TOKEN_EXPIRED: EXIT.NOT_ALLOWED,
  TOKEN_REVOKED: EXIT.NOT_ALLOWED,
  USER_DISABLED: EXIT.NOT_ALLOWED,
  FORBIDDEN: EXIT.NOT_ALLOWED,
  SIGN_IN_FAILED: EXIT.NOT_ALLOWED,
  SIGN_IN_AGAIN: EXIT.NOT_ALLOWED,
  INVITE_INVALID: EXIT.NOT_ALLOWED,
  CROSS_SITE: EXIT.NOT_ALLOWED,
  OIDC_REFUSED: EXIT.NOT_ALLOWED,
  OIDC_UNREACHABLE: EXIT.UNREACHABLE,
  OIDC_INVALID: EXIT.FAILED,
  OIDC_CLOCK_SKEW: EXIT.FAILED,
  SITE_UNKNOWN: EXIT.NOT_ALLOWED,
  SIGNATURE_INVALID: EXIT.NOT_ALLOWED,
  CERTIFICATE_REQUIRED: EXIT.NOT_ALLOWED,
  CERTIFICATE_EXPIRED: EXIT.NOT_ALLOWED,
  CERTIFICATE_UNTRUSTED: EXIT.NOT_ALLOWED,
  CERTIFICATE_MISMATCH: EXIT.NOT_ALLOWED,
  POOL_UNREACHABLE: EXIT.UNREACHABLE,
  POOL_UNTRUSTED: EXIT.UNREACHABLE,
  PORT_TAKEN: EXIT.NO_START,
  STORE_FULL: EXIT.NO_START,
  BLOB_QUOTA: EXIT.FAILED,
  STORE_LOCKED: EXIT.NO_START,
  STORE_NEWER: EXIT.NO_START,
  STORE_UNWRITABLE: EXIT.NO_START,
  STORE_UNREACHABLE: EXIT.NO_START,
  STORE_DEPOSED: EXIT.NO_START,
  NOT_LEADER: EXIT.UNREACHABLE,
  REPLICA_BEHIND: EXIT.UNREACHABLE,
  ARCHIVE_INCOMPLETE: EXIT.UNREACHABLE,
  STORE_INCOMPLETE: EXIT.NO_START,
  JOURNAL_CORRUPT: EXIT.NO_START,
  INTERNAL: EXIT.FAILED,
  ENGINE_FAILED: EXIT.FAILED,
  ISOLATION_UNAVAILABLE: EXIT.FAILED,
  OUT_OF_MEMORY: EXIT.FAILED,
  OUT_OF_DISK: EXIT.FAILED,
  EXECUTOR_UNAVAILABLE: EXIT.FAILED,
  SHUTTING_DOWN: EXIT.UNREACHABLE,
};

/** The exit code for a refusal's code; a request that was refused is the common case. */
export const exitCodeOf = (code: string): ExitCode => BY_CODE[code] ?? EXIT.REFUSED;
