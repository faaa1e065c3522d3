// Opens blobs in a bucket of any S3-compatible server. Credentials never stand on a command line:
// they come from the caller, or by the AWS rules from the environment, from a shared file
// (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE) or from the machine's own role.
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { openBucketBlobs, type S3Blobs } from "./blobs.ts";
import { makeBucket } from "./client.ts";
import { CONNECT_MS, REQUEST_MS, REQUEST_TRIES } from "./limits.ts";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3Options {
  /** URL of the server; absent: AWS. */
  readonly endpoint?: string;
  readonly bucket: string;
  /** What lies before every key; absent: nothing. A `/` at its end is added. */
  readonly prefix?: string;
  /** Absent: AWS_REGION, or `us-east-1`, which other servers ignore. */
  readonly region?: string;
  readonly credentials?: S3Credentials;
  /** The bucket stands in the path and not in the host's name; absent: when there is an endpoint,
   * for few servers of one's own have a name for every bucket. */
  readonly forcePathStyle?: boolean;
  /** Bound of one blob in bytes, for a pool that allows less than LIMITS.BLOB_BYTES_MAX. */
  readonly blobBytesMax?: number;
}

const REGION_DEFAULT = "us-east-1";

/** Opens the blobs. Refuses STORE_UNREACHABLE, STORE_UNWRITABLE (denied, no bucket), STORE_FULL. */
export async function openS3Blobs(options: S3Options): Promise<Outcome<S3Blobs>> {
  const { prefix = "" } = options;
  const bucket = makeBucket(new S3Client(configOf(options)), options.bucket);
  const opened = await openBucketBlobs({
    bucket,
    prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`,
    nowMs: Date.now(),
    ...(options.blobBytesMax === undefined ? {} : { bytesMax: options.blobBytesMax }),
  });
  if (!opened.ok) bucket.close();
  return opened;
}

function configOf(options: S3Options): S3ClientConfig {
  const { endpoint, credentials } = options;
  return {
    region: options.region ?? process.env.AWS_REGION ?? REGION_DEFAULT,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: options.forcePathStyle ?? endpoint !== undefined,
    maxAttempts: REQUEST_TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS },
    // Bodies carry Content-MD5; the newer checksums are unknown to some S3-compatible servers.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
}

/** A place such as `s3://bucket/some/prefix`. */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** Reads a place. Refuses INVALID_REQUEST, also for a place that holds a name and password. */
export function parseS3Place(text: string): Outcome<S3Place> {
  const [, bucket, prefix = ""] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w!.*'()/=-]*))?$/i.exec(text) ?? [];
  if (bucket !== undefined) return ok({ bucket, prefix });
  return refuse(
    "INVALID_REQUEST",
    `\`${text.slice(0, 80)}\` is no place for blobs.`,
    "Write `s3://BUCKET/PREFIX`; credentials come from the environment or a file.",
  );
}
