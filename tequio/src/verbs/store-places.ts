// Where a pool lies, as a user says it: a data folder, or a database with a data folder beside it.
// Opens such a place as the store of a control plane, or as one end of a copy. Only here is it
// decided which store an address means.
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { cp } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { JournalHead, Store, StoreSource, StoreTarget } from "@tequio/stores";
import { openOnlineFolder, openSqliteStore } from "@tequio/stores/sqlite";
import { makeFolder } from "./folder.ts";

/** What a store itself keeps in a data folder, and the people, who are copied row by row; all else
 * belongs to the server and is copied as files. */
const OF_STORES = new RegExp(
  "^(?:(?:journal|people|archive)\\.sqlite.*|blobs|snapshots|lock(?:[.-].*)?|incomplete" +
    "|backup\\.json|blobs-place\\.json)$",
);
/** Logs are written while they are copied: a file that was replaced meanwhile is tried again. */
const COPY_TRIES = 3;

export interface Place {
  /** As it is told to people: never with a password. */
  readonly said: string;
  /** Data folder: blobs, logs, secrets, and without a database the journal too. */
  readonly data: string;
  /** Address of the database. */
  readonly url?: string;
}

const loadPostgres = () => import("@tequio/stores/postgres");

/** True for the address of a database. */
export const isDatabase = (text: string): boolean => /^postgres(?:ql)?:\/\//.test(text);

/** The place that `text` names; a database has its data folder in `data`. Refuses USAGE. */
export async function placeOf(text: string, data: string, cwd: string): Promise<Outcome<Place>> {
  if (isDatabase(text)) {
    const { placeOfUrl } = await loadPostgres();
    return ok({ said: placeOfUrl(text), data: resolve(cwd, data), url: text });
  }
  if (/^[a-z][a-z0-9+]*:\/\//i.test(text)) {
    return refuse(
      "USAGE",
      "A pool lies in a folder or in PostgreSQL, nowhere else.",
      "Write a folder or postgres://USER@HOST:PORT/DATABASE.",
    );
  }
  return ok({ said: resolve(cwd, text), data: resolve(cwd, text) });
}

/** How a control plane waits while another one leads. */
export interface Standby {
  readonly onWaiting: (why: Refusal) => void;
  /** Ends the waiting; it is then refused with SHUTTING_DOWN. */
  readonly signal: AbortSignal;
  /** What need not be verified again, asked at every try. */
  readonly verified?: () => JournalHead | undefined;
}

/** A store whose leader may have to say where it is. */
export interface PlaceStore extends Store {
  /** Tells those who follow under which address this leader is reached. */
  announce?(url: string): Promise<Outcome<undefined>>;
}

/** Opens the store of a control plane. `onDeposed` is told when another one has taken over. */
export async function openPlace(
  { data, url }: Pick<Place, "data" | "url">,
  onDeposed: (refusal: Refusal) => void,
  standby?: Standby,
): Promise<Outcome<PlaceStore>> {
  if (url === undefined) return openSqliteStore({ folder: data });
  const { awaitLeadership, openPostgresStore } = await loadPostgres();
  const options = { url, folder: data };
  const store = await (standby === undefined
    ? openPostgresStore(options)
    : awaitLeadership({ ...options, ...standby }));
  if (store.ok) void store.value.deposed.then(onDeposed);
  return store;
}

/** A source that nobody else has open. Refuses STORE_LOCKED, NOT_FOUND. */
export async function openStopped({ data, url, said }: Place): Promise<Outcome<StoreSource>> {
  if (url === undefined) {
    if (!existsSync(join(data, "journal.sqlite"))) {
      const hint = "Give the data folder of a pool, as `tequio up --data` has it.";
      return refuse("NOT_FOUND", `There is no pool in ${said}.`, hint);
    }
    return openSqliteStore({ folder: data });
  }
  const { openPostgresSource, openPostgresStore } = await loadPostgres();
  const look = await openPostgresSource({ url, folder: data }); // It makes no tables.
  if (!look.ok) return look;
  await look.value.close();
  return openPostgresStore({ url, folder: data });
}

/** A source whose control plane may go on; `scratch` is a folder's, for a copy of its journal. */
export async function openRunning(
  { data, url }: Place,
  scratch: string,
): Promise<Outcome<StoreSource>> {
  if (url === undefined) return openOnlineFolder(data, scratch);
  const { openPostgresSource } = await loadPostgres();
  return openPostgresSource({ url, folder: data });
}

/** An empty target. Refuses STORE_NOT_EMPTY, STORE_INCOMPLETE. */
export async function openTarget(place: Place): Promise<Outcome<StoreTarget>> {
  const { data, url } = place;
  if (url === undefined) {
    if (existsSync(data) && readdirSync(data).some((name) => !isMark(name))) return notEmpty(data);
    const folder = makeFolder(data, "the target's path");
    return folder.ok ? openSqliteStore({ folder: data, filling: true }) : folder;
  }
  const folder = makeFolder(data, "--data");
  if (!folder.ok) return folder;
  const { openPostgresStore } = await loadPostgres();
  return openPostgresStore({ url, folder: data, filling: true });
}

/** A folder with nothing but the mark of an unfinished copy says so when it is opened. */
const isMark = (name: string): boolean => name === "incomplete";

const notEmpty = (folder: string): Refusal =>
  existsSync(join(folder, "incomplete"))
    ? refuse(
        "STORE_INCOMPLETE",
        `${folder} holds a copy that was not finished.`,
        "Remove the folder and copy again.",
      )
    : refuse(
        "STORE_NOT_EMPTY",
        `${folder} is not empty.`,
        "Give a folder that is empty or not there; nothing was changed.",
      );

/** A new folder beside the target's, on the same disk, for what is not kept. */
export function makeScratch({ data }: Place): Outcome<string> {
  const parent = makeFolder(dirname(data), "the target's path");
  return parent.ok ? ok(mkdtempSync(join(dirname(data), ".tequio-scratch-"))) : parent;
}

/** What the server keeps beside its store: logs, secrets. The same folder needs no copy. */
const besideOf = (from: Place, to: Place): readonly string[] =>
  from.data === to.data || !existsSync(from.data)
    ? []
    : readdirSync(from.data).filter((name) => !OF_STORES.test(name));

/** STORE_NOT_EMPTY when the target's data folder has such a thing of another pool. */
export function whyBesideTaken(from: Place, to: Place): Refusal | undefined {
  const taken = besideOf(from, to).find((name) => existsSync(join(to.data, name)));
  if (taken === undefined) return undefined;
  return refuse(
    "STORE_NOT_EMPTY",
    `${to.data} has a ${taken} of another pool.`,
    "Give an empty data folder, or the source's own.",
  );
}

/** Copies logs and secrets. */
export async function copyBeside(from: Place, to: Place): Promise<void> {
  for (const name of besideOf(from, to)) await copyOne(join(from.data, name), join(to.data, name));
}

async function copyOne(from: string, to: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      // Modes come along: a key stays its owner's.
      await cp(from, to, { recursive: true, force: true, preserveTimestamps: true });
      return;
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!gone || tries === COPY_TRIES) throw error;
    }
  }
}
