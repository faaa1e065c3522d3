// The store of a follower: it reads what the leader wrote, up to where the follower's state is, and
// writes nothing. When the follower leads it becomes the leader's store, for all who hold it.
import type { Refusal } from "@tequio/core/pool";
import type { BlobStore, Store, StoreReplica } from "@tequio/stores";
import { notLeader } from "./role.ts";

/** An object whose methods are looked up in whatever `now` gives at the call. */
const delegate = <T extends object>(now: () => T): T =>
  new Proxy({} as T, {
    get(_, key) {
      const target = now();
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

export interface SwitchedStore {
  readonly store: Store;
  /** From now on it is this one. */
  become(store: Store): void;
}

/** `seq`: the record up to which the follower's state is. */
export function switchedStore(replica: StoreReplica, seq: () => number): SwitchedStore {
  let now: Store = followerStore(replica, seq);
  const store: Store = {
    get info() {
      return now.info;
    },
    journal: delegate(() => now.journal),
    snapshots: delegate(() => now.snapshots),
    get archive() {
      return now.archive;
    },
    blobs: delegate(() => now.blobs),
    close: () => now.close(),
  };
  return {
    store,
    become(next) {
      now = next;
    },
  };
}

const refusal = (): Refusal => notLeader({ leaderUrl: undefined });

function followerStore(replica: StoreReplica, seq: () => number): Store {
  return {
    info: { kind: "replica", formatVersion: 0, verifiedAfterSeq: 0, tempFilesRemoved: 0 },
    journal: {
      append: async () => refusal(),
      async read({ afterSeq, limit }) {
        // Beyond the state lie events of jobs that it does not know yet.
        const rest = seq() - afterSeq;
        if (rest <= 0) return { ok: true, value: [] };
        return replica.journal.read({ afterSeq, limit: Math.min(limit, rest) });
      },
      head: () => ({ seq: seq(), hash: "" }),
      verify: async () => refusal(),
    },
    snapshots: { put: async () => refusal(), latest: replica.snapshots.latest },
    ...(replica.archive === undefined ? {} : { archive: replica.archive }),
    blobs: noBlobs,
    close: () => replica.close(),
  };
}

/** Blobs are the leader's: what looks like a removal here must never be one there. */
const noBlobs: BlobStore = {
  put: async () => refusal(),
  has: async () => false,
  stat: async () => refusal(),
  open: async () => refusal(),
  verify: async () => refusal(),
  beginUpload: async () => refusal(),
  appendUpload: async () => refusal(),
  finishUpload: async () => refusal(),
  abortUpload: async () => false,
  uploads: async () => [],
  delete: async () => refusal(),
  list: async () => [],
};
