// What a control plane needs that does not lead: to read what the leader appends, as it does so,
// and to learn where the leader is. It takes no lock and writes nothing. Stores with one process
// at a time have no replica.
import type { Outcome, Refusal } from "@tequio/core/pool";
import type { ArchiveStore } from "./archive.ts";
import type { JournalRecord, JournalStore, SnapshotStore } from "./port.ts";

/** The tail of a journal that another control plane writes. */
export interface Tail {
  /** The last record that was told of; its hash is undefined before the first. */
  readonly place: { readonly seq: number; readonly hash: string | undefined };
  /** When, by performance.now(), the newest question was asked whose answer ended at the head:
   * nothing that was durable then is missing. Undefined before the first such answer. */
  readonly freshMs: number | undefined;
  /** Why the last question got no answer; undefined when it did. */
  readonly away: Refusal | undefined;
  /** Resolves when the tail cannot go on: JOURNAL_CORRUPT, or that an unanswered append, which
   * this follower had seen, was taken back. Fold anew from a snapshot then. */
  readonly broken: Promise<Refusal>;
  /** Asks at once instead of at the next turn: somebody waits. */
  poke(): void;
  close(): Promise<void>;
}

export interface TailOptions {
  /** The record after which the tail begins. */
  readonly afterSeq: number;
  /** Told of records in their order, each verified against the one before. */
  readonly onRecords: (records: readonly JournalRecord[]) => void;
  /** Told when the database stops answering; the tail goes on by itself. */
  readonly onAway?: (why: Refusal) => void;
}

/** What a replica learns of the one who leads. */
export interface LeaderSight {
  /** The newest record of the journal. */
  readonly headSeq: number;
  /** Address that the leader announced; undefined when nobody did. */
  readonly url: string | undefined;
  /** The database takes no writes, so that nobody here could take over. */
  readonly readOnly: boolean;
}

export interface StoreReplica {
  readonly journal: Pick<JournalStore, "read">;
  readonly snapshots: Pick<SnapshotStore, "latest">;
  /** What has left the leader's state; it is only read here. */
  readonly archive?: ArchiveStore;
  follow(options: TailOptions): Tail;
  /** Looks who leads now. Refuses STORE_UNREACHABLE. */
  leader(): Promise<Outcome<LeaderSight>>;
  close(): Promise<void>;
}
