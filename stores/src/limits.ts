// The limits of every store, each with its reason. What goes past a limit is refused with a code.
// Limits that users meet elsewhere too (the size of a blob) stand in core/pool.

/** Bytes of one record's payload. An event is a few kilobytes; a round of a run has about 500 bytes
 * for each of up to 16,384 sites. Bulk data goes to the blobs. */
export const RECORD_PAYLOAD_BYTES_MAX = 8_388_608;

/** Records of one append. One step of the controller gives far fewer; a bulk import cuts itself. */
export const APPEND_RECORDS_MAX = 10_000;

/** Characters of payload that may wait for a commit: a second of the fastest disk we measured. */
export const APPEND_QUEUE_CHARS_MAX = 67_108_864;

/** Records that one read may ask for: about 50 ms of verifying. */
export const READ_RECORDS_MAX = 10_000;

/** Characters of payload on one page of records; a page ends after the record that passes it. */
export const READ_PAGE_CHARS_MAX = 8_388_608;

/** Snapshots kept: the newest, and the one before in case the newest is damaged. */
export const SNAPSHOTS_KEPT = 2;

/** Bytes of one snapshot. A million waiting jobs are about 1 GB; Node reads files up to 2 GiB. */
export const SNAPSHOT_BYTES_MAX = 2_000_000_000;

/** Bytes of one chunk of an upload: it is held in memory while it is written. */
export const UPLOAD_CHUNK_BYTES_MAX = 16_777_216;

/** Uploads begun and not finished. Each holds disk space that nobody counts yet. */
export const UPLOADS_MAX = 1_000;

/** Rows on one page of a blob list. */
export const BLOB_LIST_ROWS_MAX = 1_000;

/** Bytes read from a blob at once: large enough for the disk, small enough for many readers. */
export const BLOB_READ_CHUNK_BYTES = 262_144;
