// One process at a time. The lock is SQLite's own exclusive file lock on an empty database, held
// for as long as the process lives: the kernel releases it with the process, however it ends.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Outcome, ok } from "@tequio/core/pool";
import { errnoOf } from "../files/durable.ts";
import { storeLocked } from "../refusals.ts";
import { isBusy, sqliteTrouble } from "./trouble.ts";

/** Locks of this process. Without this a store that nobody refers to any more would be collected,
 * and its lock with it, while its owner still believes to have it. */
const heldLocks = new Set<DatabaseSync>();

export interface Lock {
  release(): void;
}

/** Refuses STORE_LOCKED, with the other process's number when it is known. */
export function lockFolder(folder: string): Outcome<Lock> {
  const pidFile = join(folder, "lock.pid");
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(folder, "lock"), { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    return isBusy(error) ? storeLocked(readPid(pidFile)) : sqliteTrouble(error).refusal;
  }
  const held = database;
  heldLocks.add(held);
  notePid(pidFile);
  return ok({
    release() {
      rmSync(pidFile, { force: true });
      held.close();
      heldLocks.delete(held);
    },
  });
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** The number is a courtesy to whoever comes second; a full disk must not keep us from starting. */
function notePid(pidFile: string): void {
  try {
    writeFileSync(pidFile, String(process.pid));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
