// What the control plane needs from a store, in three parts: the journal (what happened), the
// snapshots (a shortcut through it) and the blobs (bulk data by digest). Every store, in memory,
// on one machine or in a database server, has this shape and passes `conformance.ts`. What a
// record means, and when to take a snapshot or delete a blob, is left to the server.
import type { Outcome } from "@tequio/core/pool";
import type { ArchiveStore } from "./archive.ts";

/** One record to be appended. `payload` is JSON text; the store never looks into it. */
export interface RecordInput {
  /** Milliseconds since 1970, a safe integer, chosen by the caller: stores have no clock. */
  readonly atMs: number;
  /** Kind of event: 1 to 64 letters, digits and `._:-`. */
  readonly type: string;
  readonly payload: string;
}

/** One durable record. The first record of a journal has `seq` 1. */
export interface JournalRecord extends RecordInput {
  readonly seq: number;
  /** SHA-256 over the hash before and this record, 64 hexadecimal digits; see chain.ts. */
  readonly hash: string;
}

/** Place of the newest durable record; `seq` 0 and GENESIS_HASH for an empty journal. */
export interface JournalHead {
  readonly seq: number;
  readonly hash: string;
}

export interface JournalStore {
  /**
   * Adds all records or none, and resolves only when they are durable. Appends that wait at the
   * same time share one commit. Refuses: SEQUENCE_CONFLICT when the head is not `expectedSeq`
   * (`at` names the head), STORE_FULL (nothing was kept; try again when there is space),
   * STORE_UNWRITABLE, TOO_LARGE, TOO_MANY (too much is waiting), SHUTTING_DOWN.
   */
  append(expectedSeq: number, records: readonly RecordInput[]): Promise<Outcome<{ seq: number }>>;
  /**
   * The records after `afterSeq`, at most `limit` (1 to READ_RECORDS_MAX) and fewer when they are
   * large; none only at the head. Each was verified against the hash before it; refuses
   * JOURNAL_CORRUPT (`at` names the record) rather than giving out one that is not.
   */
  read(page: {
    readonly afterSeq: number;
    readonly limit: number;
  }): Promise<Outcome<readonly JournalRecord[]>>;
  /** The newest record that is durable. */
  head(): JournalHead;
  /** Verifies the whole journal and gives its head. Other work goes on meanwhile. */
  verify(): Promise<Outcome<JournalHead>>;
}

export interface SnapshotInput {
  /** The record up to which the snapshot holds everything; never beyond the journal's head. */
  readonly seq: number;
  /** Version of the bytes' own format, decided by their writer. */
  readonly formatVersion: number;
  readonly bytes: Uint8Array;
}

export interface Snapshot extends SnapshotInput {
  /** Sequence numbers of newer snapshots that were damaged or of another journal. */
  readonly skipped: readonly number[];
}

export interface SnapshotStore {
  /** Keeps it durably and forgets all but the newest two. Refuses STORE_FULL, TOO_LARGE. */
  put(snapshot: SnapshotInput): Promise<Outcome<{ seq: number }>>;
  /** The newest intact snapshot that belongs to this journal. */
  latest(): Promise<Outcome<Snapshot | undefined>>;
}

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

export interface BlobStat {
  readonly digest: Digest;
  readonly size: number;
}

/** Bytes `start` (included) to `end` (excluded) of a blob of `size` bytes. */
export interface BlobContent {
  readonly size: number;
  readonly start: number;
  readonly end: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface UploadState {
  readonly digest: Digest;
  readonly size: number;
  /** Bytes that have arrived: the next chunk starts here. */
  readonly offset: number;
  /** True when the blob is in the store and nothing needs to be sent. */
  readonly complete: boolean;
}

export interface BlobStore {
  /** Keeps the bytes under their digest. Refuses DIGEST_MISMATCH, STORE_FULL and TOO_LARGE, and
   * then keeps nothing. Rejects when the source itself fails, and keeps nothing then either. */
  put(
    source: Uint8Array | AsyncIterable<Uint8Array>,
    expected?: string,
  ): Promise<Outcome<BlobStat>>;
  has(digest: string): Promise<boolean>;
  /** Refuses NOT_FOUND. */
  stat(digest: string): Promise<Outcome<BlobStat>>;
  /** Reads all or a range. The bytes are not checked here: whoever asked knows the digest.
   * Refuses NOT_FOUND and RANGE_INVALID. */
  open(
    digest: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<Outcome<BlobContent>>;
  /** Reads the whole blob and compares its digest. Refuses NOT_FOUND and DIGEST_MISMATCH. */
  verify(digest: string): Promise<Outcome<BlobStat>>;
  /** Starts or continues an upload that survives restarts; another `size` starts it anew. */
  beginUpload(digest: string, size: number): Promise<Outcome<UploadState>>;
  /** Adds one chunk. Refuses WRONG_OFFSET (`at` names the right one); after STORE_FULL nothing of
   * the chunk is kept and the same chunk may be sent again. */
  appendUpload(digest: string, offset: number, chunk: Uint8Array): Promise<Outcome<UploadState>>;
  /** Checks the digest and makes the blob visible. After DIGEST_MISMATCH the upload is gone. */
  finishUpload(digest: string): Promise<Outcome<BlobStat>>;
  /** Gives an upload up; false when there was none. */
  abortUpload(digest: string): Promise<boolean>;
  /** Uploads that are begun and not finished. */
  uploads(): Promise<readonly UploadState[]>;
  /** False when there was no such blob. */
  delete(digest: string): Promise<Outcome<boolean>>;
  /** Blobs in the order of their digests, at most `limit` (up to BLOB_LIST_ROWS_MAX). */
  list(page: { readonly after?: Digest; readonly limit: number }): Promise<readonly BlobStat[]>;
}

/** What an open found behind the last whole commit and left out: nothing that was acknowledged. */
export interface Recovery {
  /** Bytes behind the last whole commit. */
  readonly lostBytes: number;
  /** `uncommitted`: whole but without a commit; `damaged`: written in part or changed;
   * `cut`: the file ends in the middle. */
  readonly tail: "uncommitted" | "damaged" | "cut";
  /** The journal's head after the recovery. */
  readonly lastSeq: number;
}

export interface StoreInfo {
  readonly kind: string;
  readonly formatVersion: number;
  /** Set when the journal was not closed cleanly and something half-written was left out. */
  readonly recovered?: Recovery;
  /** Records after this one were verified at open; `journal.verify()` checks all. */
  readonly verifiedAfterSeq: number;
  /** Half-written blobs of a process that ended, removed at open. */
  readonly tempFilesRemoved: number;
}

/** What a copy reads from: a store, or a look at one that somebody else has open. */
export interface StoreSource {
  readonly journal: Pick<JournalStore, "read" | "head">;
  readonly snapshots: Pick<SnapshotStore, "latest">;
  readonly blobs: Pick<BlobStore, "list" | "open">;
  close(): Promise<void>;
}

/** What a copy writes to: until `finish`, it is marked and opens for nobody else. */
export interface StoreTarget extends Store {
  finish(): Promise<Outcome<undefined>>;
}

export interface Store {
  readonly info: StoreInfo;
  readonly journal: JournalStore;
  readonly snapshots: SnapshotStore;
  /** Absent: nothing ever leaves the state of the pool. */
  readonly archive?: ArchiveStore;
  readonly blobs: BlobStore;
  /** Commits what waits, refuses what comes later, and lets the next process in. */
  close(): Promise<void>;
}
