// Opens a pool in a database: takes the lock, verifies the journal, and gives the store or the
// reason why not. Journal and snapshots lie in the database, blobs in a folder beside it.
import { join, resolve } from "node:path";
import { type Outcome, ok, type Refusal } from "@tequio/core/pool";
import type { Pool } from "pg";
import type { ArchiveStore } from "../archive.ts";
import { type BlobFolder, openBlobFolder } from "../files/blobs.ts";
import { errnoOf, fileTrouble } from "../files/durable.ts";
import type { OpenJournal } from "../journal.ts";
import type { JournalHead, StoreTarget } from "../port.ts";
import { journalCorrupt } from "../refusals.ts";
import { announceLeader } from "./announce.ts";
import { createPostgresArchive } from "./archive.ts";
import { openReaders, parseTarget, type Target } from "./connection.ts";
import { createPostgresJournal, createReader } from "./journal.ts";
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
  /** Tells replicas under which address this leader is reached. Refuses STORE_UNREACHABLE. */
  announce(url: string): Promise<Outcome<undefined>>;
}

/** For one that waited for its turn. */
export interface TurnOptions {
  /** Takes over from a leader without a sign of life for so long. */
  readonly staleMs: number;
  /** What it has verified already, as of now: only what comes after it is read. */
  readonly verified?: () => JournalHead | undefined;
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

/** The same for one that waited for its turn. */
export async function openAs(
  options: PostgresStoreOptions,
  turn?: TurnOptions,
): Promise<Outcome<PostgresStore>> {
  const target = parseTarget(options.url, options.schema ?? SCHEMA_DEFAULT);
  if (!target.ok) return target;
  const writer = await openWriter(target.value, {
    filling: options.filling === true,
    ...(turn === undefined ? {} : { staleMs: turn.staleMs }),
  });
  if (!writer.ok) return writer;
  const readers = openReaders(target.value);
  const giveUp = async (): Promise<void> => {
    await readers.end();
    await writer.value.close();
  };
  try {
    const store = await openParts(options, target.value, writer.value, readers, turn);
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
  readonly journal: OpenJournal;
  readonly tables: SnapshotTables;
  readonly archive: ArchiveStore;
  readonly blobs: BlobFolder;
  readonly verifiedAfterSeq: number;
}

async function openParts(
  options: PostgresStoreOptions,
  target: Target,
  writer: PostgresWriter,
  readers: Pool,
  turn?: TurnOptions,
): Promise<Outcome<PostgresStore>> {
  const reader = createReader(readers, target);
  const journal = createPostgresJournal(writer, reader);
  let closed = false;
  const fence = { epoch: () => writer.epoch, closed: () => closed };
  const tables = createSnapshotTables(readers, target, reader, fence);
  const archive = createPostgresArchive(readers, target, fence);
  const headSeq = writer.head.seq;
  const { baseSeq, aheadSeq } = await tables.compare(headSeq);
  if (aheadSeq !== undefined) {
    return journalCorrupt(headSeq + 1, `it is missing, and a snapshot of ${aheadSeq} had it`);
  }
  const known = turn?.verified?.();
  const same = known !== undefined && known.hash === (await reader.hashAt(known.seq));
  const verifiedAfterSeq = Math.max(baseSeq, same ? known.seq : 0);
  const verified = await journal.verifyAfter(verifiedAfterSeq);
  if (!verified.ok) return verified;
  const blobs = await openBlobFolder(join(resolve(options.folder), "blobs"), options.blobBytesMax);
  const parts = { target, writer, readers, journal, tables, archive, blobs, verifiedAfterSeq };
  return ok(
    assemble(parts, () => {
      closed = true;
    }),
  );
}

function assemble(parts: Parts, onClose: () => void): PostgresStore {
  const { target, writer, readers, journal, tables, archive, blobs, verifiedAfterSeq } = parts;
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
    archive,
    blobs: blobs.blobs,
    deposed: writer.deposed,
    async announce(url) {
      try {
        const done = await writer.inTurn(async ({ client }) => {
          await announceLeader(client, target, writer.epoch, url);
          return true;
        });
        return done === true ? ok(undefined) : storeUnreachable(`${target.place} is away.`);
      } catch (error) {
        return postgresTrouble(error, target);
      }
    },
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
