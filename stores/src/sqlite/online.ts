// A look at a data folder that a control plane has open: for backups. SQLite's own lock keeps
// every other connection out, so the files are copied as they are and opened beside. That is
// sound for one reason: as long as the log was not begun anew while we copied, it holds every page
// that was changed in the database file meanwhile. Whether it was, its header tells.
import { accessSync, constants, copyFileSync, rmSync } from "node:fs";
import { mkdir, open, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { openBlobReader } from "../files/blobs.ts";
import { errnoOf, fileTrouble } from "../files/durable.ts";
import type { Store, StoreSource } from "../port.ts";
import { openSqliteStore } from "./open.ts";

const JOURNAL = "journal.sqlite";
const LOG = `${JOURNAL}-wal`;
/** The log's header holds two numbers that change whenever the log begins anew. */
const LOG_HEADER_BYTES = 32;
/** Under full load the log begins anew every few seconds; copying a gigabyte takes one. */
const TRIES = 20;
const RETRY_MS = 250;
/** Copies that looked damaged before the folder itself is called so. */
const TORN_TRIES = 3;

export interface OnlineFolder extends StoreSource {
  /** How often the files had to be copied until they were of one moment. */
  readonly tries: number;
}

/**
 * Opens a source with the records of this moment, by way of a copy in `scratch`, which is removed
 * when it is closed. The process must not have the folder open itself: closing a file would give
 * its locks away. Refuses NOT_FOUND, STORE_UNREACHABLE when the copy never held, and what opening
 * a store refuses.
 */
export async function openOnlineFolder(
  folder: string,
  scratch: string,
): Promise<Outcome<OnlineFolder>> {
  const from = resolve(folder);
  const missing = whyMissing(from);
  if (missing !== undefined) return missing;
  const pid = Number(await readFile(join(from, "lock.pid"), "utf8").catch(() => ""));
  assert(pid !== process.pid, "a process does not look at a folder that it has open itself");
  const remove = (): void => rmSync(scratch, { recursive: true, force: true });
  try {
    await mkdir(join(scratch, "snapshots"), { recursive: true, mode: 0o700 });
    await copySnapshots(from, scratch); // First: the journal is then never behind them.
    const opened = await openCopy(from, scratch);
    if (!opened.ok) {
      remove();
      return opened;
    }
    const { tries, store } = opened.value;
    const { journal, snapshots, close } = store;
    return ok({
      ...{ journal, snapshots, tries },
      blobs: openBlobReader(join(from, "blobs")),
      async close() {
        await close();
        remove();
      },
    });
  } catch (error) {
    remove();
    return fileTrouble(error, "the copy");
  }
}

async function openCopy(
  from: string,
  scratch: string,
): Promise<Outcome<{ readonly tries: number; readonly store: Store }>> {
  for (let torn = 1; ; torn++) {
    const tries = await copyJournal(from, scratch);
    if (tries === undefined) return tooBusy(from);
    const store = await openSqliteStore({ folder: scratch });
    if (store.ok) return ok({ tries, store: store.value });
    // A page that was being written while it was copied looks like damage; a second copy does not.
    if (store.code !== "JOURNAL_CORRUPT" || torn === TORN_TRIES) return store;
  }
}

function whyMissing(folder: string): Refusal | undefined {
  try {
    accessSync(join(folder, JOURNAL), constants.R_OK);
    return undefined;
  } catch {
    const hint = "Give the data folder of a pool, as `tequio up --data` has it.";
    return refuse("NOT_FOUND", `There is no pool to be read in ${folder}.`, hint);
  }
}

const tooBusy = (folder: string): Refusal =>
  refuse(
    "STORE_UNREACHABLE",
    `The journal in ${folder} changed faster than it could be copied.`,
    "Try again when less is going on, or onto a faster disk.",
  );

async function copySnapshots(from: string, to: string): Promise<void> {
  const folder = join(from, "snapshots");
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => one.endsWith(".snapshot"))) {
    try {
      copyFileSync(join(folder, name), join(to, "snapshots", name), constants.COPYFILE_FICLONE);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error; // Replaced by a newer one just now.
    }
  }
}

/** Gives the number of tries; nothing when the log began anew in every one of them. */
async function copyJournal(from: string, to: string): Promise<number | undefined> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const before = await logHeader(from);
    copyFileSync(join(from, JOURNAL), join(to, JOURNAL), constants.COPYFILE_FICLONE);
    rmSync(join(to, LOG), { force: true });
    if (before.length > 0) {
      try {
        copyFileSync(join(from, LOG), join(to, LOG), constants.COPYFILE_FICLONE);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error; // Closed meanwhile: the header tells.
      }
    }
    const after = await logHeader(from);
    if (before.equals(after)) return tries;
    await sleep(RETRY_MS);
  }
  return undefined;
}

/** The beginning of the log; nothing when there is none. */
async function logHeader(folder: string): Promise<Buffer> {
  try {
    const handle = await open(join(folder, LOG), "r");
    try {
      const buffer = Buffer.alloc(LOG_HEADER_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
