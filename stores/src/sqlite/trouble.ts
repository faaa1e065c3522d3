// What SQLite's result codes mean to the user (https://sqlite.org/rescode.html).
import type { Refusal } from "@tequio/core/pool";
import { storeFull, storeUnwritable } from "../refusals.ts";

const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
/** The write itself failed, so that nothing of it was committed. SQLite says FULL only for ENOSPC;
 * a quota (EDQUOT) or a file size limit (EFBIG) ends here, and hardly anything else. */
const IOERR_WRITE = 778;

/** SQLite's extended result code of an error that node:sqlite threw. */
export const resultCodeOf = (error: unknown): number | undefined =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode
    : undefined;

/** The low byte of an extended code is the code itself. */
const primary = (error: unknown): number | undefined => {
  const code = resultCodeOf(error);
  return code === undefined ? undefined : code & 0xff;
};

/** Another process holds the lock. */
export const isBusy = (error: unknown): boolean => primary(error) === BUSY;

/** The file is no database, or its pages contradict each other. */
export const isDamaged = (error: unknown): boolean => {
  const code = primary(error);
  return code === CORRUPT || code === NOTADB;
};

export interface SqliteTrouble {
  readonly refusal: Refusal;
  /** False when the disk no longer keeps what it says: the journal must be opened again, because
   * after a failed sync the system may have thrown the bytes away. */
  readonly mayGoOn: boolean;
}

/** The refusal for a failed write or open. Throws what is not trouble but a bug. */
export function sqliteTrouble(error: unknown): SqliteTrouble {
  const code = primary(error);
  const message = error instanceof Error ? error.message : String(error);
  const full = code === FULL || resultCodeOf(error) === IOERR_WRITE;
  if (full) return { refusal: storeFull("the journal"), mayGoOn: true };
  if (code === READONLY || code === CANTOPEN || code === IOERR) {
    const refusal = storeUnwritable(`Writing the journal failed: ${message}.`);
    return { refusal, mayGoOn: false };
  }
  throw error;
}
