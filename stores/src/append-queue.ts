// Group commit: appends that wait at the same time become one commit, which is what makes a
// durable journal fast. It orders appends, detects conflicts and links the hash chain; how a
// batch becomes durable is left to the `commit` function of each store.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { link } from "./chain.ts";
import { APPEND_QUEUE_CHARS_MAX, APPEND_RECORDS_MAX, RECORD_PAYLOAD_BYTES_MAX } from "./limits.ts";
import type { JournalHead, JournalRecord, RecordInput } from "./port.ts";
import { sequenceConflict, storeClosed, tooLarge } from "./refusals.ts";

/** Makes all records durable or none. */
export type Commit = (
  records: readonly JournalRecord[],
) => Outcome<undefined> | Promise<Outcome<undefined>>;

interface Waiting {
  readonly expectedSeq: number;
  readonly records: readonly RecordInput[];
  readonly chars: number;
  readonly resolve: (outcome: Outcome<{ seq: number }>) => void;
  readonly reject: (bug: unknown) => void;
}

export interface AppendQueue {
  append(expectedSeq: number, records: readonly RecordInput[]): Promise<Outcome<{ seq: number }>>;
  head(): JournalHead;
  /** Refuses what comes later and resolves when nothing waits any more. */
  close(): Promise<void>;
}

/** A queue in front of `commit`, for a journal that ends at `start`. */
export function createAppendQueue(start: JournalHead, commit: Commit): AppendQueue {
  let head = start;
  let waiting: Waiting[] = [];
  let waitingChars = 0;
  let closed = false;
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      // One turn of the event loop: whoever was just answered gets to append again first.
      await new Promise((turn) => setImmediate(turn));
      const batch = waiting;
      waiting = [];
      waitingChars = 0;
      try {
        await commitBatch(head, batch, commit, (after) => {
          head = after;
        });
      } catch (bug) {
        for (const one of batch) one.reject(bug);
      }
    }
    draining = undefined;
  }

  return {
    head: () => head,
    append(expectedSeq, records) {
      if (closed) return Promise.resolve(storeClosed());
      const chars = records.reduce((sum, record) => sum + record.payload.length, 0);
      const refusal = refuseSize(records, chars) ?? refuseQueue(waitingChars, chars);
      if (refusal !== undefined) return Promise.resolve(refusal);
      waitingChars += chars;
      return new Promise((resolve, reject) => {
        waiting.push({ expectedSeq, records, chars, resolve, reject });
        draining ??= drain();
      });
    },
    async close() {
      closed = true;
      await draining;
    },
  };
}

function refuseSize(records: readonly RecordInput[], chars: number) {
  if (records.length > APPEND_RECORDS_MAX) {
    return refuse(
      "TOO_LARGE",
      `One append has ${records.length} records; the limit is ${APPEND_RECORDS_MAX}.`,
      "Append in several steps.",
    );
  }
  // A UTF-16 unit is at most three bytes of UTF-8: below a third nobody needs to count.
  if (chars * 3 <= RECORD_PAYLOAD_BYTES_MAX) return undefined;
  for (const { payload } of records) {
    const bytes = Buffer.byteLength(payload);
    if (bytes > RECORD_PAYLOAD_BYTES_MAX) {
      return tooLarge("A record's payload", bytes, RECORD_PAYLOAD_BYTES_MAX);
    }
  }
  return undefined;
}

function refuseQueue(waitingChars: number, chars: number) {
  // An append alone may always wait: otherwise a large one could never be made.
  if (waitingChars === 0 || waitingChars + chars <= APPEND_QUEUE_CHARS_MAX) return undefined;
  return refuse("TOO_MANY", "Too many appends wait for the disk.", "Try again in a moment.");
}

/** Links and commits one batch, tells the new head and only then answers those who wait. */
async function commitBatch(
  head: JournalHead,
  batch: readonly Waiting[],
  commit: Commit,
  onHead: (after: JournalHead) => void,
): Promise<void> {
  const linked: JournalRecord[] = [];
  const winners: { readonly one: Waiting; readonly seq: number }[] = [];
  const losers: Waiting[] = [];
  let next = head;
  for (const one of batch) {
    if (one.expectedSeq !== next.seq) {
      losers.push(one);
      continue;
    }
    const before = next;
    const count = linked.length;
    try {
      for (const record of one.records) {
        const row = link(next, record);
        linked.push(row);
        next = row;
      }
      winners.push({ one, seq: next.seq });
    } catch (bug) {
      // One caller's wrong record must not take the others' with it.
      linked.length = count;
      next = before;
      one.reject(bug);
    }
  }
  const outcome = linked.length === 0 ? ok(undefined) : await commit(linked);
  const after = outcome.ok ? { seq: next.seq, hash: next.hash } : head;
  onHead(after);
  for (const { one, seq } of winners) one.resolve(outcome.ok ? ok({ seq }) : outcome);
  for (const one of losers) one.resolve(sequenceConflict(one.expectedSeq, after.seq));
}
