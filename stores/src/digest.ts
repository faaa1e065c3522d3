// Digests of blobs: the one door through which outside text becomes a digest, and so a file name.
import { hash } from "node:crypto";
import type { Digest } from "./port.ts";

const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** The digest that `text` is, or nothing. */
export const parseDigest = (text: string): Digest | undefined =>
  DIGEST_PATTERN.test(text) ? (text as Digest) : undefined;

/** The digest of bytes that lie in memory. */
export const digestOf = (bytes: Uint8Array): Digest => `sha256:${hash("sha256", bytes)}`;

/** The 64 digits without their prefix. */
export const hexOf = (digest: Digest): string => digest.slice("sha256:".length);
