// A second control plane that waits for its turn: it asks for the lock every second, and takes
// over from a leader that has died, or that has given no sign of life. What it does meanwhile is
// left to its owner; follow.ts lets it keep up with the journal.
import { setTimeout as sleep } from "node:timers/promises";
import { type Outcome, type Refusal, refuse } from "@tequio/core/pool";
import type { JournalHead } from "../port.ts";
import { openAs, type PostgresStore, type PostgresStoreOptions } from "./open.ts";
import { BEAT_MS } from "./writer.ts";

/** Between two tries. A lock that was given back is found after half of it. */
const ASK_MS = 1_000;
/** The same while the database is away: when it is back, the leader, which looks every 2 s, should
 * come first. If it does not, a takeover is as safe as any. */
const AWAY_MS = 3_000;
/** Three signs of life missing: with the pause between tries a takeover begins within 8 s. */
const STALE_MS = 3.5 * BEAT_MS;

export interface StandbyOptions extends PostgresStoreOptions {
  /** Told of every new reason to wait: STORE_LOCKED or STORE_UNREACHABLE, later also
   * STORE_UNWRITABLE (the database became read-only, or lets nobody in for the moment). */
  readonly onWaiting?: (why: Refusal) => void;
  /** What this control plane has verified of the journal already, asked at every try. */
  readonly verified?: () => JournalHead | undefined;
  /** Ends the waiting: refused with SHUTTING_DOWN. */
  readonly signal?: AbortSignal;
}

/**
 * Waits until this control plane may lead, and opens the store then. A leader whose session ended
 * (killed, stopped) is followed within about a second; one that was cut off from its database, or
 * stands still, within 10 s. Refuses what opening a store refuses, but for what it waits out.
 */
export async function awaitLeadership(options: StandbyOptions): Promise<Outcome<PostgresStore>> {
  let told = "";
  for (;;) {
    if (options.signal?.aborted === true) return stopped();
    const { verified } = options;
    const turn = { staleMs: STALE_MS, ...(verified === undefined ? {} : { verified }) };
    const store = await openAs(options, turn);
    if (store.ok) return store;
    // A database that was good once and is read-only now will be good again.
    const passes = store.code === "STORE_UNWRITABLE" && told !== "";
    if (store.code !== "STORE_LOCKED" && store.code !== "STORE_UNREACHABLE" && !passes) {
      return store;
    }
    if (store.message !== told) options.onWaiting?.(store);
    told = store.message;
    try {
      await sleep(
        store.code === "STORE_UNREACHABLE" ? AWAY_MS : ASK_MS,
        undefined,
        options.signal === undefined ? {} : { signal: options.signal },
      );
    } catch {
      return stopped();
    }
  }
}

const stopped = (): Refusal =>
  refuse("SHUTTING_DOWN", "The waiting for the lead was ended.", "Start again to wait again.");
