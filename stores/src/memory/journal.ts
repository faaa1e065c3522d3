// The journal of the memory store: an array whose chain is verified like that of every other.
import { assert, type Outcome, ok } from "@tequio/core/pool";
import type { AppendQueue } from "../append-queue.ts";
import { EMPTY_HEAD, whyNotNext } from "../chain.ts";
import { READ_PAGE_CHARS_MAX, READ_RECORDS_MAX } from "../limits.ts";
import type { JournalHead, JournalRecord, JournalStore } from "../port.ts";
import { journalCorrupt, storeClosed } from "../refusals.ts";
import type { MemoryDisk } from "./index.ts";

/** The journal that lies on `disk`, with `queue` in front of it. */
export function createMemoryJournal(disk: MemoryDisk, queue: AppendQueue): JournalStore {
  let opened = false;
  const headAt = (seq: number): JournalHead => (seq === 0 ? EMPTY_HEAD : disk.records[seq - 1]!);

  function readPage(afterSeq: number, limit: number): Outcome<readonly JournalRecord[]> {
    const records: JournalRecord[] = [];
    let chars = 0;
    let last = headAt(afterSeq);
    for (const record of disk.records.slice(afterSeq, afterSeq + limit)) {
      const why = whyNotNext(last, record);
      if (why !== undefined) return journalCorrupt(last.seq + 1, why);
      records.push(record);
      chars += record.payload.length;
      if (chars > READ_PAGE_CHARS_MAX) break;
      last = record;
    }
    return ok(records);
  }

  return {
    append: queue.append,
    head: queue.head,
    async verify() {
      if (opened && !disk.locked) return storeClosed();
      opened = true;
      let head: JournalHead = EMPTY_HEAD;
      for (;;) {
        const page = readPage(head.seq, READ_RECORDS_MAX);
        if (!page.ok) return page;
        const last = page.value.at(-1);
        if (last === undefined) return ok(head);
        head = { seq: last.seq, hash: last.hash };
      }
    },
    async read({ afterSeq, limit }) {
      if (!disk.locked) return storeClosed();
      assert(limit >= 1 && limit <= READ_RECORDS_MAX, "a page has a limit within the limits");
      assert(Number.isSafeInteger(afterSeq) && afterSeq >= 0, "a page follows a record or 0");
      return afterSeq >= queue.head().seq ? ok([]) : readPage(afterSeq, limit);
    },
  };
}
