// Where things lie under the prefix of a bucket: `blobs/` by digest, `incoming/` for objects that
// are not blobs yet, `uploads/` for what is known of uploads in pieces.
import { hexOf, parseDigest } from "../digest.ts";
import type { Digest } from "../port.ts";

export interface Keys {
  /** All blobs, and the key of one. */
  readonly blobs: string;
  readonly blob: (digest: Digest) => string;
  readonly incoming: string;
  readonly uploads: string;
}

/** Keys under a prefix, which is empty or ends in `/`. */
export function makeKeys(prefix: string): Keys {
  const blobs = `${prefix}blobs/`;
  return {
    blobs,
    blob: (digest) => `${blobs}${hexOf(digest)}`,
    incoming: `${prefix}incoming/`,
    uploads: `${prefix}uploads/`,
  };
}

/** The digest of a blob's key; nothing for a key that is none of ours. */
export const digestOfKey = (keys: Keys, key: string): Digest | undefined =>
  parseDigest(`sha256:${key.slice(keys.blobs.length)}`);

/** The key of a put whose digest is not known yet. */
export const putKey = (keys: Keys, id: string): string => `${keys.incoming}put-${id}`;

/** The keys of one upload in pieces. */
export interface UploadKeys {
  /** Everything that is known of it. */
  readonly folder: string;
  /** Holds the id of the multipart upload, or nothing before the first part. */
  readonly state: string;
  /** The bytes from `offset` on that are less than a part. */
  readonly tail: (offset: number) => string;
  /** The object that the parts become before its digest is checked. */
  readonly incoming: string;
}

const TAIL_DIGITS = 15;

/** Keys of the upload of `size` bytes with a digest. */
export function uploadKeys(keys: Keys, digest: Digest, size: number): UploadKeys {
  const name = `${hexOf(digest)}-${size}`;
  const folder = `${keys.uploads}${name}/`;
  return {
    folder,
    state: `${folder}state`,
    tail: (offset) => `${folder}tail-${String(offset).padStart(TAIL_DIGITS, "0")}`,
    incoming: `${keys.incoming}${name}`,
  };
}

const STATE_KEY = /^([0-9a-f]{64})-(\d{1,15})\/state$/;

/** Digest and size of an upload by the key of its state; nothing for another key. */
export function uploadOfKey(
  keys: Keys,
  key: string,
): { readonly digest: Digest; readonly size: number } | undefined {
  const [, hex, size] = STATE_KEY.exec(key.slice(keys.uploads.length)) ?? [];
  const digest = parseDigest(`sha256:${hex}`);
  return digest === undefined ? undefined : { digest, size: Number(size) };
}
