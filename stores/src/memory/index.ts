// A store in memory, for tests and demonstrations: same behaviour, same refusals, no files. What
// it keeps outlives a close only in the MemoryDisk that it was opened on.
import { LIMITS, type Outcome, ok, type Refusal } from "@tequio/core/pool";
import { createAppendQueue } from "../append-queue.ts";
import type { ArchiveBatch } from "../archive.ts";
import { EMPTY_HEAD } from "../chain.ts";
import type { Digest, JournalRecord, SnapshotInput, Store } from "../port.ts";
import { storeFull, storeLocked } from "../refusals.ts";
import { createMemoryArchive } from "./archive.ts";
import { createMemoryBlobs, type MemoryUpload } from "./blobs.ts";
import { createMemoryJournal } from "./journal.ts";
import { createMemorySnapshots } from "./snapshots.ts";

export const MEMORY_FORMAT_VERSION = 1;

/** What one store leaves for the next one: the stand-in for a data folder. */
export interface MemoryDisk {
  readonly records: JournalRecord[];
  readonly snapshots: SnapshotInput[];
  readonly blobs: Map<Digest, Uint8Array>;
  readonly uploads: Map<Digest, MemoryUpload>;
  readonly archive: ArchiveBatch[];
  /** True while a store is open on it. */
  locked: boolean;
}

/** An empty disk. */
export const createMemoryDisk = (): MemoryDisk => ({
  records: [],
  snapshots: [],
  blobs: new Map(),
  uploads: new Map(),
  archive: [],
  locked: false,
});

/** What the next writes meet. For tests only: a store without it never fails. */
export interface MemoryFaults {
  /** Commits of the journal that find the disk full before one succeeds again. */
  fullCommits: number;
  /** Writes of blobs, chunks and snapshots that find the disk full. */
  fullWrites: number;
}

/** Faults that a test can set later; none at first. */
export const createMemoryFaults = (): MemoryFaults => ({ fullCommits: 0, fullWrites: 0 });

export interface MemoryStoreOptions {
  readonly disk?: MemoryDisk;
  /** Test option: changed by the test while the store is open. */
  readonly faults?: MemoryFaults;
  readonly blobBytesMax?: number;
}

/** Opens a store in memory. Refuses STORE_LOCKED when another one is open on the same disk, and
 * JOURNAL_CORRUPT when the disk's records were changed behind its back. */
export async function openMemoryStore(options: MemoryStoreOptions = {}): Promise<Outcome<Store>> {
  const disk = options.disk ?? createMemoryDisk();
  const faults = options.faults ?? createMemoryFaults();
  if (disk.locked) return storeLocked(process.pid);
  const refuseWrite = (what: string): Refusal | undefined => {
    if (faults.fullWrites === 0) return undefined;
    faults.fullWrites -= 1;
    return storeFull(what);
  };
  const last = disk.records.at(-1);
  const start = last === undefined ? EMPTY_HEAD : { seq: last.seq, hash: last.hash };
  const queue = createAppendQueue(start, (records) => {
    if (faults.fullCommits > 0) {
      faults.fullCommits -= 1;
      return storeFull("the journal");
    }
    for (const record of records) disk.records.push(record);
    return ok(undefined);
  });
  const journal = createMemoryJournal(disk, queue);
  const verified = await journal.verify();
  if (!verified.ok) return verified;
  disk.locked = true;
  let closing: Promise<void> | undefined;
  return ok({
    info: {
      kind: "memory",
      formatVersion: MEMORY_FORMAT_VERSION,
      verifiedAfterSeq: 0,
      tempFilesRemoved: 0,
    },
    journal,
    snapshots: createMemorySnapshots(disk, refuseWrite),
    archive: createMemoryArchive(disk.archive),
    blobs: createMemoryBlobs(disk, options.blobBytesMax ?? LIMITS.BLOB_BYTES_MAX, refuseWrite),
    close() {
      closing ??= queue.close().then(() => {
        disk.locked = false;
      });
      return closing;
    },
  });
}
