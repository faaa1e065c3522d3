// The door of the package: the port and what all stores share. The stores themselves have their
// own doors (`/memory`, `/sqlite`), so that a program loads only the one it uses.
export * from "./archive.ts";
export { chainHash, EMPTY_HEAD, GENESIS_HASH } from "./chain.ts";
export { type Copied, type CopyOptions, type CopyProgress, copyStore } from "./copy.ts";
export { type BlobSource, type BlobsCopied, type BlobTarget, copyBlobs } from "./copy-blobs.ts";
export { digestOf, hexOf, parseDigest } from "./digest.ts";
export * from "./limits.ts";
export type * from "./port.ts";
export { replay } from "./replay.ts";
export type * from "./replica.ts";
