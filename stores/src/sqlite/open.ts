// Opens a data folder: takes the lock, looks at the log, verifies the journal, and gives the
// store or the reason why not. The folder holds `journal.sqlite`, `archive.sqlite`, `blobs/`,
// `snapshots/` and `lock`; nothing else may write into it.
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type BlobFolder, openBlobFolder } from "../files/blobs.ts";
import { errnoOf, fileTrouble, makeFolder, syncFolder } from "../files/durable.ts";
import { openSnapshotFolder, type SnapshotFolder } from "../files/snapshots.ts";
import type { JournalHead, Recovery, Store, StoreTarget } from "../port.ts";
import { journalCorrupt, storeIncomplete, storeNotEmpty } from "../refusals.ts";
import { openSqliteArchive, type SqliteArchive } from "./archive.ts";
import { createSqliteJournal, type SqliteJournal } from "./journal.ts";
import { type Lock, lockFolder } from "./lock.ts";
import { FORMAT_VERSION, prepareDatabase } from "./schema.ts";
import { isDamaged, sqliteTrouble } from "./trouble.ts";
import { inspectWal, type WalReport } from "./wal.ts";

/** File that marks the target of a copy that is not finished. */
const INCOMPLETE = "incomplete";

export interface SqliteStoreOptions {
  /** Data folder; made when it is not there. */
  readonly folder: string;
  /** Bound of the journal's file in bytes; appends beyond it are refused with STORE_FULL. */
  readonly journalBytesMax?: number;
  /** Bound of one blob in bytes, for a pool that allows less than LIMITS.BLOB_BYTES_MAX. */
  readonly blobBytesMax?: number;
  /** Only for copies: makes the folder the target of one, marked until `finish`. */
  readonly filling?: boolean;
}

/**
 * Opens the store in a folder. Refuses STORE_LOCKED, STORE_NEWER, JOURNAL_CORRUPT (`at` names
 * the record), STORE_UNWRITABLE and STORE_FULL; the folder is then free for the next one. Also
 * refuses STORE_INCOMPLETE, and a filling open STORE_NOT_EMPTY.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Outcome<StoreTarget>> {
  const folder = resolve(options.folder); // The process may go to another folder later.
  try {
    await makeFolder(folder);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    return fileTrouble(error, `the folder ${folder}`);
  }
  const lock = lockFolder(folder);
  if (!lock.ok) return lock;
  try {
    const store = await openLocked({ ...options, folder }, lock.value);
    if (!store.ok) lock.value.release();
    return store;
  } catch (error) {
    lock.value.release();
    if (errnoOf(error) !== "ERR_SQLITE_ERROR") return fileTrouble(error, "the data folder");
    if (isDamaged(error)) return journalCorrupt(1, "the database file is damaged");
    return sqliteTrouble(error).refusal;
  }
}

async function openLocked(options: SqliteStoreOptions, lock: Lock): Promise<Outcome<StoreTarget>> {
  const { folder } = options;
  const path = join(folder, "journal.sqlite");
  const mark = join(folder, INCOMPLETE);
  if (existsSync(mark)) return storeIncomplete(folder);
  if (options.filling === true) {
    if (existsSync(path)) return storeNotEmpty(folder);
    writeFileSync(mark, "A copy into this folder was begun and is not finished.\n", {
      flush: true,
    });
  }
  const wal = inspectWal(`${path}-wal`);
  if (wal?.lostAcknowledged) return refuseLog(wal);
  const database = new DatabaseSync(path);
  const parts = await openParts(database, options, wal).catch((error: unknown) => {
    database.close();
    throw error;
  });
  if (!parts.ok) {
    database.close();
    return parts;
  }
  await syncFolder(folder);
  const store = assemble(database, lock, parts.value, wal);
  return ok({ ...store, finish: () => removeMark(folder) });
}

async function removeMark(folder: string): Promise<Outcome<undefined>> {
  try {
    rmSync(join(folder, INCOMPLETE), { force: true });
    await syncFolder(folder);
    return ok(undefined);
  } catch (error) {
    return fileTrouble(error, "the data folder");
  }
}

/** SQLite would drop these commits without a word, and they had been acknowledged. */
const refuseLog = (wal: WalReport): Outcome<never> =>
  refuse(
    "JOURNAL_CORRUPT",
    `journal.sqlite-wal is damaged after frame ${wal.committedFrames}; ${wal.lostBytes} bytes ` +
      "that hold acknowledged records cannot be read.",
    "Keep the data folder as it is and restore it from a backup.",
    `frame ${wal.committedFrames + 1}`,
  );

interface Parts {
  readonly journal: SqliteJournal;
  readonly blobs: BlobFolder;
  readonly snapshots: SnapshotFolder;
  readonly archive: SqliteArchive;
  readonly verifiedAfterSeq: number;
  readonly head: JournalHead;
}

async function openParts(
  database: DatabaseSync,
  options: SqliteStoreOptions,
  wal: WalReport | undefined,
): Promise<Outcome<Parts>> {
  const prepared = prepareDatabase(database, options.journalBytesMax);
  if (!prepared.ok) return prepared;
  const journal = createSqliteJournal(database);
  const snapshots = await openSnapshotFolder(join(options.folder, "snapshots"), journal.hashAt);
  const headSeq = journal.journal.head().seq;
  const { baseSeq, aheadSeq } = await snapshots.compare(headSeq);
  if (aheadSeq !== undefined) {
    return journalCorrupt(headSeq + 1, `it is missing, and a snapshot of ${aheadSeq} had it`);
  }
  // A damaged log may have left older pages over newer ones: then everything is verified.
  const everything = wal?.tail === "damaged";
  const verifiedAfterSeq = everything ? 0 : baseSeq;
  const verified = await journal.verifyAfter(verifiedAfterSeq);
  if (!verified.ok) return verified;
  // The left-out tail is gone for good now; the next open must not report it again.
  if (wal !== undefined && wal.lostBytes > 0) database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  const blobs = await openBlobFolder(join(options.folder, "blobs"), options.blobBytesMax);
  const archive = openSqliteArchive(join(options.folder, "archive.sqlite"));
  return ok({ journal, blobs, snapshots, archive, verifiedAfterSeq, head: verified.value });
}

function assemble(
  database: DatabaseSync,
  lock: Lock,
  parts: Parts,
  wal: WalReport | undefined,
): Store {
  const { journal, blobs, snapshots, archive, verifiedAfterSeq, head } = parts;
  const recovered = recoveryOf(wal, head.seq);
  let closing: Promise<void> | undefined;
  return {
    info: {
      kind: "sqlite",
      formatVersion: FORMAT_VERSION,
      verifiedAfterSeq,
      tempFilesRemoved: blobs.tempFilesRemoved + snapshots.tempFilesRemoved,
      ...(recovered === undefined ? {} : { recovered }),
    },
    journal: journal.journal,
    snapshots: snapshots.snapshots,
    archive: archive.archive,
    blobs: blobs.blobs,
    close() {
      closing ??= journal.close().then(() => {
        archive.close();
        database.close();
        lock.release();
      });
      return closing;
    },
  };
}

function recoveryOf(wal: WalReport | undefined, lastSeq: number): Recovery | undefined {
  if (wal === undefined || wal.tail === "clean") return undefined;
  return { lostBytes: wal.lostBytes, tail: wal.tail, lastSeq };
}
