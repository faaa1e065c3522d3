// Opens a control plane that follows: it answers reads at once, and everything from the moment in
// which its turn to lead comes. The same sockets, streams and state go on through the change.
import { type Outcome, ok, type Refusal } from "@tequio/core/pool";
import type { JournalHead, Store, StoreReplica } from "@tequio/stores";
import { openPump } from "../pump.ts";
import { readAdminToken } from "../secrets.ts";
import {
  openBase,
  openLead,
  type Parts,
  type ServerHandle,
  type ServerOptions,
  start,
} from "../server.ts";
import { type Follower, openFollower } from "./follower.ts";
import { type SwitchedStore, switchedStore } from "./store.ts";

export interface FollowerOptions extends Omit<ServerOptions, "store"> {
  readonly replica: StoreReplica;
  /** Waits for the turn to lead. `verified`: what need not be verified again, asked at every try;
   * `url`: address of this control plane, for those who ask a follower. */
  readonly turn: (verified: () => JournalHead | undefined, url: string) => Promise<Outcome<Store>>;
}

export interface FollowerHandle extends ServerHandle {
  /** Resolves when this one leads, with the operator's token; or with why it never will. */
  readonly led: Promise<Outcome<string | undefined>>;
}

/** Starts a control plane that follows. Refuses PORT_TAKEN, and what reading the journal refuses.
 * `close` closes the replica too; the leader's store stays open, as with `openServer`. */
export async function openFollowing(options: FollowerOptions): Promise<Outcome<FollowerHandle>> {
  const { replica, turn } = options;
  const opened = await openFollower(replica, options.say ?? (() => {}));
  if (!opened.ok) return opened;
  const follower = opened.value;
  const switched = switchedStore(replica, () => follower.durableSeq);
  const settings: ServerOptions = { ...options, store: switched.store };
  const base = openBase(settings);
  const parts = base.ok ? ok({ ...base.value, pump: follower, role: follower }) : base;
  const started = parts.ok ? await start(settings, parts.value) : parts;
  if (!parts.ok || !started.ok) {
    await follower.close();
    return started.ok ? (parts as Refusal) : started;
  }
  const { handle, lead } = started.value;
  const takeOver = async (): Promise<Outcome<string | undefined>> => {
    const store = await turn(() => follower.verified, handle.url);
    if (!store.ok) return store;
    const led = await leadWith(store.value, { follower, switched, settings }, parts.value);
    if (led.ok) lead();
    return led;
  };
  const token = readAdminToken(options.dataFolder, follower.state);
  return ok({
    ...handle,
    adminToken: token,
    led: takeOver(),
    async close() {
      await handle.close();
      await replica.close();
    },
  });
}

interface Own {
  readonly follower: Follower;
  readonly switched: SwitchedStore;
  readonly settings: ServerOptions;
}

async function leadWith(
  store: Store,
  { follower, switched, settings }: Own,
  base: Parts,
): Promise<Outcome<string | undefined>> {
  switched.become(store);
  const { clock, onBug, onPass } = base;
  const led = await follower.lead(store, (warm) => {
    clock.atLeast(warm.state.nowMs);
    return openPump(base.store, clock.now, onBug, onPass, warm);
  });
  if (!led.ok) return led;
  return openLead(settings, follower);
}
