// The journal of a store as everybody sees it: appends go through the queue, reads are bounded
// and verified. How records lie in the store, and how a page of them is read, is left to each.
import { assert, type Outcome, ok } from "@tequio/core/pool";
import type { AppendQueue } from "./append-queue.ts";
import { READ_RECORDS_MAX } from "./limits.ts";
import type { JournalHead, JournalRecord, JournalStore } from "./port.ts";
import { journalCorrupt, storeClosed } from "./refusals.ts";

type Page = Outcome<readonly JournalRecord[]>;

/** Gives verified records after `afterSeq`, at most `limit` of them; none when there is none. */
export type ReadPage = (afterSeq: number, limit: number) => Page | Promise<Page>;

export interface OpenJournal {
  readonly journal: JournalStore;
  /** Verifies the records after `afterSeq` and gives the head. */
  verifyAfter(afterSeq: number): Promise<Outcome<JournalHead>>;
  /** Waits for what was taken in; later calls are refused. */
  close(): Promise<void>;
}

/** The journal whose records `readPage` finds and `queue` adds. */
export function createJournal(queue: AppendQueue, readPage: ReadPage): OpenJournal {
  let closed = false;

  async function readNext(afterSeq: number, limit: number): Promise<Page> {
    if (closed) return storeClosed();
    const headSeq = queue.head().seq;
    if (afterSeq >= headSeq) return ok([]);
    // Beyond the head may lie what nobody was told yet.
    const page = await readPage(afterSeq, Math.min(limit, headSeq - afterSeq));
    // Before the head there is always a next record.
    return page.ok && page.value.length === 0
      ? journalCorrupt(afterSeq + 1, "it is missing")
      : page;
  }

  async function verifyAfter(afterSeq: number): Promise<Outcome<JournalHead>> {
    let seq = afterSeq;
    let hash: string | undefined;
    for (;;) {
      const page = await readNext(seq, READ_RECORDS_MAX);
      if (!page.ok) return page;
      const last = page.value.at(-1);
      if (last === undefined) return ok(hash === undefined ? queue.head() : { seq, hash });
      ({ seq, hash } = last);
      // A store that reads without waiting lets others in between two pages.
      await new Promise((turn) => setImmediate(turn));
    }
  }

  const journal: JournalStore = {
    append: queue.append,
    head: queue.head,
    verify: async () => (closed ? storeClosed() : verifyAfter(0)),
    async read({ afterSeq, limit }) {
      assert(limit >= 1 && limit <= READ_RECORDS_MAX, "a page has a limit within the limits");
      assert(Number.isSafeInteger(afterSeq) && afterSeq >= 0, "a page follows a record or 0");
      return readNext(afterSeq, limit);
    },
  };
  return {
    journal,
    verifyAfter,
    async close() {
      await queue.close();
      closed = true;
    },
  };
}
