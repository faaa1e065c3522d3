// Every error code that a user, a script or an agent can meet, with its meaning. The reference
// page docs/reference/errors.md is made from this table, and `tidy` checks that no other code is
// used anywhere. `status` is the HTTP status under which the API answers it.

export const CODES = {
  // requests
  INVALID_REQUEST: { status: 400, means: "The request does not have the documented shape." },
  INVALID_YAML: { status: 400, means: "The job file is not valid YAML." },
  UNKNOWN_FIELD: { status: 400, means: "A field that does not exist was given." },
  UNAUTHENTICATED: { status: 401, means: "No token was given, or it is not known." },
  TOKEN_EXPIRED: { status: 401, means: "The token was valid once; its time is over." },
  TOKEN_REVOKED: { status: 401, means: "The token was taken back by an operator." },
  USER_DISABLED: { status: 403, means: "The user was disabled by an operator." },
  FORBIDDEN: { status: 403, means: "The token is valid, but not for this action." },
  NOT_FOUND: { status: 404, means: "There is nothing by this name or id." },
  ALREADY_EXISTS: { status: 409, means: "Something by this name exists already." },
  WRONG_STATE: { status: 409, means: "The thing exists, but not in a state that allows this." },
  IDEMPOTENCY_MISMATCH: {
    status: 409,
    means: "The idempotency key was used before with another request.",
  },
  TOO_LARGE: { status: 413, means: "The request, message or file is over its named limit." },
  TOO_SLOW: { status: 408, means: "The request did not come within its named time." },
  TOO_MANY: { status: 429, means: "A queue, list or rate is over its named limit." },
  // signing in
  SIGN_IN_FAILED: {
    status: 401,
    means: "Name and password, or the passkey, are not those of a user.",
  },
  SIGN_IN_OFF: { status: 404, means: "The pool does not have this way of signing in." },
  SIGN_IN_STALE: {
    status: 400,
    means: "The sign-in began in another browser, took too long or was finished before.",
  },
  SIGN_IN_AGAIN: {
    status: 403,
    means: "The session is too old for a change of how its user signs in.",
  },
  INVITE_INVALID: { status: 403, means: "The one-time link was used, replaced or is too old." },
  PASSWORD_WEAK: { status: 422, means: "The new password is too short or too easily guessed." },
  CROSS_SITE: { status: 403, means: "A page of another site sent the request." },
  OIDC_UNREACHABLE: {
    status: 502,
    means: "The identity provider does not answer, or its certificate is not good.",
  },
  OIDC_REFUSED: { status: 403, means: "The identity provider did not let the user in." },
  OIDC_INVALID: { status: 502, means: "The identity provider's answer cannot be trusted." },
  OIDC_CLOCK_SKEW: {
    status: 502,
    means: "The clocks of the identity provider and of the pool are too far apart.",
  },
  // jobs
  IMPOSSIBLE_REQUEST: { status: 422, means: "No member of the pool could ever serve the job." },
  DEPENDENCY_UNKNOWN: { status: 422, means: "A job that is depended on does not exist." },
  DEADLINE_TOO_SOON: {
    status: 422,
    means: "The job could not end before its deadline even if it began at once.",
  },
  QUEUE_CAP: {
    status: 429,
    means: "The project, or the user in it, has as many jobs waiting as it may have.",
  },
  RESERVATION_TOO_LARGE: {
    status: 422,
    means: "The pool does not have what is to be reserved, or keeps or lends it otherwise then.",
  },
  PROJECT_UNKNOWN: { status: 422, means: "The project does not exist." },
  // blobs
  DIGEST_MISMATCH: { status: 422, means: "The bytes do not have the digest that was named." },
  WRONG_OFFSET: { status: 409, means: "An upload continues at another offset." },
  BLOB_QUOTA: { status: 507, means: "A run, a project or the pool holds as many bytes as it may." },
  RANGE_INVALID: { status: 416, means: "The byte range lies outside the blob." },
  // store
  STORE_FULL: { status: 507, means: "The disk of the control plane is full." },
  STORE_LOCKED: { status: 503, means: "Another control plane uses this data folder." },
  STORE_NEWER: { status: 500, means: "The data folder was written by a newer version." },
  STORE_UNWRITABLE: { status: 500, means: "The data folder cannot be written." },
  STORE_UNREACHABLE: {
    status: 503,
    means: "The journal's database or the blobs' bucket does not answer.",
  },
  STORE_DEPOSED: { status: 503, means: "Another control plane has taken over the journal." },
  NOT_LEADER: {
    status: 421,
    means: "This control plane only answers reads; `tequio-leader` in the answer names the leader.",
  },
  REPLICA_BEHIND: {
    status: 503,
    means: "This control plane has not yet read the record that `tequio-min-seq` asks for.",
  },
  STORE_INCOMPLETE: { status: 500, means: "A copy into this store was not finished." },
  STORE_NOT_EMPTY: { status: 409, means: "A copy needs an empty store to go to." },
  ARCHIVE_INCOMPLETE: {
    status: 503,
    means: "The archive of ended jobs and books is being made anew from the journal.",
  },
  JOURNAL_CORRUPT: { status: 500, means: "A record of the journal does not match its hash." },
  SEQUENCE_CONFLICT: { status: 409, means: "Another writer appended to the journal first." },
  SHUTTING_DOWN: { status: 503, means: "The control plane is stopping." },
  INTERNAL: { status: 500, means: "A bug: the control plane could not answer." },
  // agents
  LEASE_OUTDATED: { status: 409, means: "The lease was replaced by one with a higher fence." },
  OUTSIDE_OFFER: { status: 409, means: "The lease is not within what the member lends." },
  SITE_UNKNOWN: { status: 401, means: "The site's key is not known to this pool." },
  POOL_UNTRUSTED: {
    status: 502,
    means: "The pool's certificate is not the one that the join token names.",
  },
  SIGNATURE_INVALID: { status: 401, means: "The signature does not match the site's key." },
  CERTIFICATE_REQUIRED: { status: 401, means: "This pool wants a certificate of its clients." },
  CERTIFICATE_EXPIRED: {
    status: 401,
    means: "The client's certificate is not valid any more, or not yet.",
  },
  CERTIFICATE_UNTRUSTED: {
    status: 401,
    means: "The client's certificate is not from an authority that the pool believes.",
  },
  CERTIFICATE_MISMATCH: {
    status: 403,
    means: "The client's certificate names neither the site nor its member.",
  },
  // starting up, command line
  PORT_TAKEN: { status: 500, means: "Another program listens on the port." },
  POOL_UNREACHABLE: { status: 503, means: "The control plane does not answer." },
  USAGE: { status: 400, means: "The command line cannot be understood." },
  // engines
  ENGINE_FAILED: { status: 500, means: "The engine could not start or stop a task." },
  ISOLATION_UNAVAILABLE: {
    status: 500,
    means: "The machine cannot wall in jobs as its owner demands.",
  },
  OUT_OF_MEMORY: { status: 500, means: "A task used more memory than it asked for." },
  OUT_OF_DISK: { status: 500, means: "A task wrote more to its work folder than it asked for." },
  // training
  CODEC_INVALID: { status: 422, means: "A coded vector holds what no coder writes." },
  CODEC_VERSION: { status: 422, means: "A coded vector is of another version of the format." },
  CODEC_UNKNOWN: { status: 422, means: "A coded vector has a codec or block length of no table." },
  CODEC_TRUNCATED: { status: 422, means: "A coded vector ends before its last value." },
  CODEC_TOO_LONG: { status: 422, means: "A coded vector goes on after its last value." },
  EXECUTOR_UNAVAILABLE: { status: 500, means: "No engine for the arithmetic of training loads." },
  LOSS_NOT_FINITE: { status: 422, means: "Training diverged: the loss stopped being finite." },
  LINEAGE_INVALID: { status: 422, means: "A lineage card is not what the pool has signed." },
  PROMPT_TOO_LONG: { status: 400, means: "The prompt is longer than the model's context." },
  CORPUS_INVALID: { status: 422, means: "The training text is missing or unusable." },
} as const satisfies Record<string, { status: number; means: string }>;

export type Code = keyof typeof CODES;
