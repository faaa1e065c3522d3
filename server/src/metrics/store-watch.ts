// Measures a store from outside: how long appends take, how many events they carry, and what was
// refused. The store itself stays as it is; everything else is passed through.
import type { Outcome } from "@tequio/core/pool";
import type { JournalStore, SnapshotStore, Store } from "@tequio/stores";

export interface StoreEvents {
  readonly onAppend: (seconds: number, records: number) => void;
  readonly onSnapshot: (seconds: number, seq: number) => void;
  /** A snapshot was found at the start. */
  readonly onFound: (seq: number) => void;
  readonly onRefused: (code: string) => void;
}

export interface StoreHealth {
  /** Why the journal took nothing the last time; undefined when all is well. */
  readonly trouble: () => string | undefined;
}

const MS_PER_S = 1_000;

/** The same object with some of its methods replaced; the others keep their `this`. */
function replaced<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get(of, key) {
      if (key in changes) return changes[key as keyof T];
      const value: unknown = Reflect.get(of, key, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}

/** The store with its journal and snapshots under watch. */
export function watchStore(store: Store, events: StoreEvents): Store & StoreHealth {
  let trouble: string | undefined;
  const judged = <T>(outcome: Outcome<T>): Outcome<T> => {
    if (!outcome.ok) events.onRefused(outcome.code);
    return outcome;
  };
  const journal: JournalStore = replaced(store.journal, {
    async append(expectedSeq, records) {
      const startMs = performance.now();
      const written = judged(await store.journal.append(expectedSeq, records));
      trouble = written.ok ? undefined : `${written.code}: ${written.message}`;
      if (written.ok) {
        events.onAppend((performance.now() - startMs) / MS_PER_S, records.length);
      }
      return written;
    },
  });
  const snapshots: SnapshotStore = replaced(store.snapshots, {
    async put(snapshot) {
      const startMs = performance.now();
      const kept = judged(await store.snapshots.put(snapshot));
      if (kept.ok) events.onSnapshot((performance.now() - startMs) / MS_PER_S, kept.value.seq);
      return kept;
    },
    async latest() {
      const found = judged(await store.snapshots.latest());
      if (found.ok && found.value !== undefined) events.onFound(found.value.seq);
      return found;
    },
  });
  const changes = { journal, snapshots, trouble: () => trouble };
  return replaced(store as Store & StoreHealth, changes);
}
