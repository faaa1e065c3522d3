// The door to blobs in a bucket of an S3-compatible server.
export type { S3Blobs } from "./blobs.ts";
export { openS3Blobs, parseS3Place, type S3Credentials, type S3Options } from "./open.ts";
export { withBlobs } from "./with-blobs.ts";
