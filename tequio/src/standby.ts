// A control plane that finds another one leading: it follows that one's journal until its turn
// comes. Only here is it decided when following begins; what a follower answers is the server's.
import { setTimeout as sleep } from "node:timers/promises";
import { type Outcome, ok } from "@tequio/core/pool";
import type { JournalHead, StoreReplica } from "@tequio/stores";
import { openPlace, type PlaceStore, type Standby } from "./verbs/store-places.ts";

/** Between two looks for a pool that the leader is about to make. */
const NO_POOL_MS = 1_000;

/** The lead, or a journal to follow until the lead comes. */
export type Turn =
  | { readonly leads: true; readonly store: PlaceStore }
  | {
      readonly leads: false;
      readonly replica: StoreReplica;
      /** Waits for the lead; `verified` is asked at every try. */
      readonly turn: (verified: () => JournalHead | undefined) => Promise<Outcome<PlaceStore>>;
    };

/** Asks for the lead, and opens a replica when another control plane has it. */
export async function awaitTurn(
  place: { readonly url: string; readonly data: string },
  onDeposed: Parameters<typeof openPlace>[1],
  standby: Standby,
): Promise<Outcome<Turn>> {
  const { openPostgresReplica } = await import("@tequio/stores/postgres");
  let verified: () => JournalHead | undefined = () => undefined;
  let tellWaiting: (waits: undefined) => void = () => {};
  const waiting = new Promise<undefined>((resolve) => {
    tellWaiting = resolve;
  });
  const lead = openPlace(place, onDeposed, {
    ...standby,
    verified: () => verified(),
    onWaiting(why) {
      standby.onWaiting(why);
      tellWaiting(undefined);
    },
  });
  for (;;) {
    const store = await Promise.race([lead, waiting]);
    if (store !== undefined) return store.ok ? ok({ leads: true, store: store.value }) : store;
    const replica = await openPostgresReplica({ url: place.url });
    if (replica.ok) {
      return ok({
        leads: false,
        replica: replica.value,
        turn(ask) {
          verified = ask;
          return lead;
        },
      });
    }
    await Promise.race([lead, sleep(NO_POOL_MS)]);
  }
}
