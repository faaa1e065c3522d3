// The tail of a journal that another control plane writes: for a standby that keeps its state
// warm, and for replicas that only answer questions. It asks the database several times a second,
// with a question that costs one step into an index when nothing is new.
import { setTimeout as sleep } from "node:timers/promises";
import { assert, type Outcome, ok, type Refusal } from "@tequio/core/pool";
import { READ_RECORDS_MAX } from "../limits.ts";
import type { JournalRecord } from "../port.ts";
import { openReaders, parseTarget } from "./connection.ts";
import { createReader, type JournalReader } from "./journal.ts";
import { type PostgresStoreOptions, SCHEMA_DEFAULT } from "./open.ts";

/** Between two questions: what a reader sees is at most this much older, and the way there. */
const ASK_MS = 200;
/** Between two questions to a database that does not answer. */
const AWAY_MS = 1_000;

export interface FollowOptions extends Pick<PostgresStoreOptions, "url" | "schema"> {
  /** The record after which the tail begins. */
  readonly afterSeq: number;
  /** Told of records in their order, each verified against the one before. */
  readonly onRecords: (records: readonly JournalRecord[]) => void;
  /** Told when the database stops answering; the tail goes on by itself. */
  readonly onAway?: (why: Refusal) => void;
}

export interface Following {
  /** The last record that was told of. */
  readonly seq: number;
  /** Resolves when the tail cannot go on: JOURNAL_CORRUPT, or that an unanswered append, which
   * this follower had seen, was taken back. Fold anew from a snapshot then. */
  readonly broken: Promise<Refusal>;
  close(): Promise<void>;
}

/** Follows the journal from a record on. Refuses INVALID_REQUEST for an address it cannot read. */
export function follow(options: FollowOptions): Outcome<Following> {
  const target = parseTarget(options.url, options.schema ?? SCHEMA_DEFAULT);
  if (!target.ok) return target;
  const { afterSeq } = options;
  assert(Number.isSafeInteger(afterSeq) && afterSeq >= 0, "a tail follows a record or 0");
  const readers = openReaders(target.value);
  const reader = createReader(readers, target.value);
  const stop = new AbortController();
  const state = { seq: afterSeq };
  let tellBroken: (why: Refusal) => void = () => {};
  const broken = new Promise<Refusal>((resolve) => {
    tellBroken = resolve;
  });
  const ended = tail(reader, options, state, stop.signal).then((why) => {
    if (why !== undefined) tellBroken(why);
  });
  return ok({
    get seq() {
      return state.seq;
    },
    broken,
    async close() {
      stop.abort();
      await ended;
      await readers.end();
    },
  });
}

async function tail(
  reader: JournalReader,
  { onRecords, onAway }: FollowOptions,
  state: { seq: number },
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  let away = false;
  while (!signal.aborted) {
    const page = await reader.readPage(state.seq, READ_RECORDS_MAX);
    if (!page.ok && page.code !== "STORE_UNREACHABLE") return page;
    if (!page.ok && !away) onAway?.(page);
    away = !page.ok;
    const last = page.ok ? page.value.at(-1) : undefined;
    if (page.ok && last !== undefined) {
      onRecords(page.value);
      state.seq = last.seq;
      continue;
    }
    await sleep(away ? AWAY_MS : ASK_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
