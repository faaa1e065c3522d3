// Tells waiting requests that the rights of their caller have changed: a long poll must not go on
// with a token that was revoked, or for a user who lost a role. What the caller may still do is
// looked up again by whoever waited.
import type { Event } from "@tequio/core/controller";
import type { Committed } from "./pump.ts";

export interface PeopleWatch {
  /** Aborted when the token is revoked or its user's roles change; `release` when done waiting. */
  readonly watch: (
    tokenId: string,
    user: string,
  ) => { readonly signal: AbortSignal; readonly release: () => void };
  readonly take: (events: readonly Committed[]) => void;
}

interface Watcher {
  readonly tokenId: string;
  readonly user: string;
  readonly left: AbortController;
}

function concerns(event: Event, { tokenId, user }: Watcher): boolean {
  switch (event.type) {
    case "token.revoked":
      return event.tokenId === tokenId;
    case "role.revoked":
    case "user.disabled":
    case "user.set":
      return event.userId === user;
    default:
      return false;
  }
}

/** Makes a watch that nobody uses yet. */
export function makePeopleWatch(): PeopleWatch {
  const watchers = new Set<Watcher>();
  return {
    watch(tokenId, user) {
      const watcher = { tokenId, user, left: new AbortController() };
      watchers.add(watcher);
      return { signal: watcher.left.signal, release: () => void watchers.delete(watcher) };
    },
    take(events) {
      if (watchers.size === 0) return;
      for (const { event } of events) {
        for (const watcher of watchers) if (concerns(event, watcher)) watcher.left.abort();
      }
    },
  };
}
