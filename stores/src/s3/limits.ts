// The limits of a blob store behind S3, each with its reason. What users meet of them is told in
// the guide's page on blobs; the limits that all stores share are one folder up.

/** Bytes of one part of a multipart upload. S3 takes at least 5 MiB, some stores want all parts
 * but the last alike, and 10,000 parts of this size are five times the largest blob. */
export const PART_BYTES = 8_388_608;

/** Parts of one put on their way at once: they fill a link that one alone leaves waiting. */
export const PARTS_AT_ONCE = 4;

/** Bytes that one server-side copy may have; S3 takes 5 GiB. Larger objects are copied in parts. */
export const COPY_BYTES_MAX = 1_073_741_824;

/** Tries of one request in all: waits of about 0.1, 0.2 and 0.4 s bridge a busy server. */
export const REQUEST_TRIES = 4;

/** Wait for a connection, ms. A server that is there answers in a round trip. */
export const CONNECT_MS = 5_000;

/** Wait for the answer to one request, ms. The longest is the copy of COPY_BYTES_MAX. */
export const REQUEST_MS = 60_000;

/** Breaks in a row after which reading a blob is given up; each goes on where the one before
 * stopped, so that a broken link costs a large blob seconds and not everything. */
export const READ_BREAKS_MAX = 5;

/** Half-done puts are removed at open when they are older: one day, longer than any put. */
export const LEFTOVER_MS = 86_400_000;

/** Rows of one page of a listing; S3 gives no more. */
export const LIST_ROWS_MAX = 1_000;
