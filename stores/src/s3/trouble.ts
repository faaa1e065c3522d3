// What a failed request to S3 means to the user: the server is away, denies, is full, or has no
// such bucket. The names are those of AWS and of the common S3-compatible servers. Errors that
// come from no request are bugs and are thrown on.
import { type Refusal, refuse } from "@tequio/core/pool";
import { storeFull } from "../refusals.ts";

const FULL = new Set([
  "QuotaExceeded",
  "QuotaExceededException",
  "XMinioStorageFull",
  "XMinioAdminBucketQuotaExceeded",
  "InsufficientCapacity",
  "InsufficientStorage",
]);
const DENIED = new Set([
  "AccessDenied",
  "Forbidden",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "ExpiredToken",
  "InvalidToken",
  "AllAccessDisabled",
  "AccountProblem",
]);
/** Raised on this side when no credentials were found or could be read. */
const NO_CREDENTIALS = new Set(["CredentialsProviderError", "TokenProviderError"]);
const AWAY = new Set([
  ...["TimeoutError", "RequestTimeout", "RequestTimeTooSkewed", "NetworkingError", "AbortError"],
  ...["SlowDown", "ServiceUnavailable", "InternalError", "TooManyRequests", "Throttling"],
]);
/** How the names begin that Node gives to broken connections. */
const CONNECTION = new RegExp(
  `^(?:${[
    ...["ECONN", "EPIPE", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"],
    ...["ERR_SSL", "CERT_", "ERR_STREAM_PREMATURE_CLOSE"],
  ].join("|")})`,
);

interface Seen {
  readonly name: string;
  /** Node's name of a broken connection. */
  readonly code: string;
  /** Of the answer; 0 when there was none. */
  readonly status: number;
  readonly message: string;
}

function seen(error: unknown): Seen {
  if (!(error instanceof Error)) return { name: "", code: "", status: 0, message: String(error) };
  const { code, $metadata } = error as Error & {
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? 0;
  return {
    ...{ name: error.name, message: error.message || error.name, status },
    code: typeof code === "string" ? code : "",
  };
}

/** True when the server says that there is no such object. */
export function isUnknown(error: unknown): boolean {
  const { name, status } = seen(error);
  return name === "NoSuchKey" || (status === 404 && name !== "NoSuchBucket");
}

/** True when the server says that there is no such multipart upload. */
export const isNoUpload = (error: unknown): boolean => {
  const { name, status } = seen(error);
  return name === "NoSuchUpload" || (status === 404 && name !== "NoSuchBucket");
};

/** The refusal for a failed request about `what`. Throws what is not the server's doing. */
export function bucketTrouble(error: unknown, what: string): Refusal {
  const { name, code, status, message } = seen(error);
  if (FULL.has(name) || status === 507) return storeFull(what);
  if (name === "NoSuchBucket") {
    const hint = "Make the bucket, or correct its name.";
    return refuse("STORE_UNWRITABLE", "The bucket of the blobs is not there.", hint);
  }
  if (DENIED.has(name) || NO_CREDENTIALS.has(name) || status === 401 || status === 403) {
    return refuse(
      "STORE_UNWRITABLE",
      `The blob store denies access to ${what} (${name}).`,
      "Check the credentials in the environment or their file, and the bucket's policy.",
    );
  }
  const connection = CONNECTION.test(code) || status >= 500 || status === 408 || status === 429;
  if (connection || AWAY.has(name)) return away(what, code || name || String(status));
  if (status === 0) throw error;
  return refuse(
    "STORE_UNWRITABLE",
    `The blob store refused ${what} with ${status} ${name}: ${message.slice(0, 200)}`,
    "Check that the store speaks S3 with multipart uploads and that the bucket allows them.",
  );
}

const away = (what: string, why: string): Refusal =>
  refuse(
    "STORE_UNREACHABLE",
    `The blob store does not answer about ${what} (${why}).`,
    "Nothing that was acknowledged is lost; try again when the store answers.",
  );
