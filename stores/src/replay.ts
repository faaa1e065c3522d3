// Reads a journal from one record to its head. What is done with a record is left to the caller.
import { type Outcome, ok } from "@tequio/core/pool";
import { READ_RECORDS_MAX } from "./limits.ts";
import type { JournalRecord, JournalStore } from "./port.ts";

/** Calls `visit` for every record after `afterSeq`; gives the last one's number. Refuses
 * JOURNAL_CORRUPT after having visited the records before the corrupt one's page. */
export async function replay(
  journal: JournalStore,
  afterSeq: number,
  visit: (record: JournalRecord) => void,
): Promise<Outcome<{ lastSeq: number }>> {
  let lastSeq = afterSeq;
  for (;;) {
    const page = await journal.read({ afterSeq: lastSeq, limit: READ_RECORDS_MAX });
    if (!page.ok) return page;
    const last = page.value.at(-1);
    if (last === undefined) return ok({ lastSeq });
    for (const record of page.value) visit(record);
    lastSeq = last.seq;
  }
}
