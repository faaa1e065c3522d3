// The store under a run: SQLite in the run's folder, a PostgreSQL server that the run starts and
// kills, or a database that was given. It is the one place that knows what may be killed under
// the control plane.
import type { Outcome } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import { isDatabase, openPlace } from "../verbs/store-places.ts";
import type { StoreServer } from "./trouble.ts";

export interface RunStore {
  /** Address of the database; absent: SQLite in the data folder. */
  readonly url?: string;
  /** The database server, if it is the run's own and may be killed. */
  readonly server?: StoreServer;
  close(): Promise<void>;
}

/**
 * Prepares the store of one run: `folder`, `postgres` for a server of its own, or the address of
 * an empty database. Throws when there is no PostgreSQL to start.
 */
export async function openRunStore(store: string): Promise<RunStore> {
  if (isDatabase(store)) return { url: store, close: async () => {} };
  if (store === "folder") return { close: async () => {} };
  const { startPostgres } = await import("@tequio/stores/conformance");
  const server = await startPostgres();
  return { url: server.url, server, close: () => server.remove() };
}

/** Opens the store after its control plane has ended, to read its journal. */
export const reopenStore = ({ url }: RunStore, data: string): Promise<Outcome<Store>> =>
  openPlace({ data, ...(url === undefined ? {} : { url }) }, () => {});
