// What PostgreSQL's error codes mean to the user
// (https://www.postgresql.org/docs/15/errcodes-appendix.html).
import { type Refusal, refuse } from "@tequio/core/pool";
import { journalCorrupt, storeFull } from "../refusals.ts";
import type { Target } from "./connection.ts";

const DISK_FULL = "53100";
const TOO_MANY_CONNECTIONS = "53300";
const READ_ONLY = "25006";
const FORBIDDEN = "42501";
export const UNIQUE_VIOLATION = "23505";
const DAMAGED = new Set(["XX001", "XX002"]);
/** Cancelled, locked out, deadlocked, out of memory: the statement was undone, another may do. */
const BUSY = /^(?:57014|55P03|40...|53200|53400)$/;
/** Shut down, crashed, starting up, or the session broke. */
const AWAY = /^(?:57P..|08...)$/;
const WRONG_LOGIN = /^(?:28...|3D000)$/;
/** What the driver says when the server asks for a password and nobody gave one. */
const NO_PASSWORD = /client password must be/;
const BUG = /^(?:22|23|42601|42P02|42804|42703)/;

/** The five characters that PostgreSQL gives its errors, or nothing for errors of the way to it. */
export const sqlStateOf = (error: unknown): string | undefined =>
  error instanceof Error &&
  "code" in error &&
  typeof error.code === "string" &&
  /^[0-9A-Z]{5}$/.test(error.code) &&
  "severity" in error
    ? error.code
    : undefined;

/** True when the session is gone, so that nobody knows whether its last statement was kept. */
export function isLost(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined || AWAY.test(state);
}

/** For a server that does not answer, or not as it should. `what` is a whole sentence. */
export const storeUnreachable = (what: string, hint?: string): Refusal =>
  refuse(
    "STORE_UNREACHABLE",
    what,
    hint ?? "Start the database or mend the way to it; the control plane goes on by itself then.",
  );

/** For a leader whose place was taken: it must never write again. */
export const storeDeposed = (place: string): Refusal =>
  refuse(
    "STORE_DEPOSED",
    `Another control plane has taken over the journal at ${place}.`,
    "Stop this one, or start it again to wait for its turn.",
  );

/** `holder` says who, `at` carries it; nothing when it is not known. */
export const databaseLocked = (place: string, holder: string | undefined): Refusal =>
  refuse(
    "STORE_LOCKED",
    holder === undefined
      ? `Another control plane uses the journal at ${place}.`
      : `The control plane with ${holder} uses the journal at ${place}.`,
    "Stop the other control plane, or give this one its own database.",
    holder,
  );

const unwritable = (message: string, hint: string): Refusal =>
  refuse("STORE_UNWRITABLE", message, hint);

/** Throws what is a bug in this program and no trouble of the server's. */
function throwBug(error: unknown, state: string | undefined): void {
  const ours = error instanceof TypeError || error instanceof RangeError;
  const invariant = error instanceof Error && error.message.startsWith("Invariant broken");
  if (!(error instanceof Error) || ours || invariant) throw error;
  if (state !== undefined && BUG.test(state)) throw error;
}

/** The refusal for a failed connection or statement. Throws what is a bug. */
export function postgresTrouble(error: unknown, target: Target): Refusal {
  const state = sqlStateOf(error);
  throwBug(error, state);
  const { place } = target;
  const why = target.hide(wordsOf(error as Error));
  if (NO_PASSWORD.test(why)) return nobodyIn(place, "it wants a password and there is none");
  if (state === undefined || AWAY.test(state)) {
    return storeUnreachable(`The database at ${place} does not answer: ${why}.`);
  }
  if (state === DISK_FULL) return storeFull("the journal in the database");
  if (state === TOO_MANY_CONNECTIONS) {
    const hint = "Close other sessions or raise max_connections of the database.";
    return storeUnreachable(`The database at ${place} has no connection left: ${why}.`, hint);
  }
  if (BUSY.test(state)) {
    const hint = "Try again; if it stays so, look for long transactions in the database.";
    return storeUnreachable(`The database at ${place} gave up: ${why}.`, hint);
  }
  if (DAMAGED.has(state)) return journalCorrupt(1, `the database says ${why}`);
  if (state === READ_ONLY) return readOnly(place);
  if (WRONG_LOGIN.test(state)) return nobodyIn(place, why);
  if (state === FORBIDDEN) {
    return unwritable(
      `The database at ${place} forbids it: ${why}.`,
      "Let the user own the database: CREATE DATABASE tequio OWNER USER.",
    );
  }
  return unwritable(
    `The database at ${place} failed: ${why} (${state}).`,
    "Look at the log of the database.",
  );
}

const nobodyIn = (place: string, why: string): Refusal =>
  unwritable(
    `The database at ${place} lets nobody in: ${why}.`,
    "Check user, password (address, PGPASSWORD or PGPASSFILE), database and pg_hba.conf.",
  );

/** For a standby, or a server set to read-only. */
export const readOnly = (place: string): Refusal =>
  unwritable(
    `The database at ${place} is read-only.`,
    "Give the address of the primary, or take default_transaction_read_only back.",
  );

function wordsOf(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  // One error for several addresses has a code and no words of its own.
  const words = error.message === "" ? code : error.message;
  return words.replace(/\.$/, "");
}
