// Opens a pool in a database: takes the lock, verifies the journal, and gives the store or the
// reason why not. Journal and snapshots lie in the database, blobs in a folder beside it.
import { join, resolve } from "node:path";
import { type Outcome, ok, type Refusal } from "@tequio/core/pool";
import type { Pool } from "pg";
import { type BlobFolder, openBlobFolder } from "../files/blobs.ts";
import { errnoOf, fileTrouble } from "../files/durable.ts";
import type { StoreTarget } from "../port.ts";
import { journalCorrupt } from "../refusals.ts";
import { openReaders, parseTarget, type Target } from "./connection.ts";
import { createPostgresJournal, createReader, type PostgresJournal } from "./journal.ts";
import { FORMAT_VERSION, unmark } from "./schema.ts";
import { createSnapshotTables, type SnapshotTables } from "./snapshots.ts";
import { postgresTrouble, storeUnreachable } from "./trouble.ts";
import { openWriter, type PostgresWriter } from "./writer.ts";

/** Schema of the pool's tables when nothing else is asked for. */
export const SCHEMA_DEFAULT = "tequio";

export interface PostgresStoreOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, and what libpq's addresses may hold. */
  readonly url: string;
  /** Data folder: the blobs lie in its `blobs/`; made when it is not there. */
  readonly folder: string;
  /** For several pools in one database; lower-case letters, digits and `_`. */
  readonly schema?: string;
  /** Bound of one blob in bytes, for a pool that allows less than LIMITS.BLOB_BYTES_MAX. */
  readonly blobBytesMax?: number;
  /** Only for copies: makes the database the target of one, marked until `finish`. */
  readonly filling?: boolean;
}

export interface PostgresStore extends StoreTarget {
  /** Resolves when another control plane has taken over; every append is refused from then on. */
  readonly deposed: Promise<Refusal>;
}

/**
 * Opens the store. Refuses STORE_LOCKED (`at` names the other process), STORE_NEWER,
 * STORE_INCOMPLETE, STORE_NOT_EMPTY, JOURNAL_CORRUPT (`at` names the record), STORE_UNREACHABLE,
 * STORE_UNWRITABLE, STORE_FULL and INVALID_REQUEST. No message holds the password.
 */
export async function openPostgresStore(
  options: PostgresStoreOptions,
): Promise<Outcome<PostgresStore>> {
  return openAs(options);
}

/** The same for one that may take over from a leader without a sign of life for `staleMs`. */
export async function openAs(
  options: PostgresStoreOptions,
  staleMs?: number,
): Promise<Outcome<PostgresStore>> {
  const target = parseTarget(options.url, options.schema ?? SCHEMA_DEFAULT);
  if (!target.ok) return target;
  const writer = await openWriter(target.value, {
    filling: options.filling === true,
    ...(staleMs === undefined ? {} : { staleMs }),
  });
  if (!writer.ok) return writer;
  const readers = openReaders(target.value);
  const giveUp = async (): Promise<void> => {
    await readers.end();
    await writer.value.close();
  };
  try {
    const store = await openParts(options, target.value, writer.value, readers);
    if (!store.ok) await giveUp();
    return store;
  } catch (error) {
    await giveUp();
    const ofFiles = error instanceof Error && "syscall" in error && "path" in error;
    if (ofFiles && errnoOf(error) !== undefined) return fileTrouble(error, "the data folder");
    return postgresTrouble(error, target.value);
  }
}

interface Parts {
  readonly target: Target;
  readonly writer: PostgresWriter;
  readonly readers: Pool;
  readonly journal: PostgresJournal;
  readonly tables: SnapshotTables;
  readonly blobs: BlobFolder;
  readonly verifiedAfterSeq: number;
}

async function openParts(
  options: PostgresStoreOptions,
  target: Target,
  writer: PostgresWriter,
  readers: Pool,
): Promise<Outcome<PostgresStore>> {
  const reader = createReader(readers, target);
  const journal = createPostgresJournal(writer, reader);
  let closed = false;
  const tables = createSnapshotTables(readers, target, reader, {
    epoch: () => writer.epoch,
    closed: () => closed,
  });
  const headSeq = writer.head.seq;
  const { baseSeq, aheadSeq } = await tables.compare(headSeq);
  if (aheadSeq !== undefined) {
    return journalCorrupt(headSeq + 1, `it is missing, and a snapshot of ${aheadSeq} had it`);
  }
  const verified = await journal.verifyAfter(baseSeq);
  if (!verified.ok) return verified;
  const blobs = await openBlobFolder(join(resolve(options.folder), "blobs"), options.blobBytesMax);
  const parts = { target, writer, readers, journal, tables, blobs, verifiedAfterSeq: baseSeq };
  return ok(
    assemble(parts, () => {
      closed = true;
    }),
  );
}

function assemble(parts: Parts, onClose: () => void): PostgresStore {
  const { target, writer, readers, journal, tables, blobs, verifiedAfterSeq } = parts;
  let closing: Promise<void> | undefined;
  return {
    info: {
      kind: "postgres",
      formatVersion: FORMAT_VERSION,
      verifiedAfterSeq,
      tempFilesRemoved: blobs.tempFilesRemoved,
    },
    journal: journal.journal,
    snapshots: tables.snapshots,
    blobs: blobs.blobs,
    deposed: writer.deposed,
    async finish() {
      try {
        const done = await writer.inTurn(async ({ client }) => {
          await unmark(client, target);
          return true;
        });
        return done === true ? ok(undefined) : storeUnreachable(`${target.place} is away.`);
      } catch (error) {
        return postgresTrouble(error, target);
      }
    },
    close() {
      closing ??= journal.close().then(async () => {
        onClose();
        await readers.end();
        await writer.close();
      });
      return closing;
    },
  };
}
