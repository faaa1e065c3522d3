// The hash chain of the journal: every record's hash covers the record before it, so that one
// changed, missing or inserted record shows. Making the chain public is left to the audit log.
import { hash } from "node:crypto";
import { assert } from "@tequio/core/pool";
import type { JournalHead, JournalRecord, RecordInput } from "./port.ts";

/** The hash before the first record. */
export const GENESIS_HASH = "0".repeat(64);
export const EMPTY_HEAD: JournalHead = { seq: 0, hash: GENESIS_HASH };

/** No line break may stand in a type: it would make the hashed text ambiguous. */
const TYPE_PATTERN = /^[A-Za-z0-9._:-]{1,64}$/;

/**
 * SHA-256 of five lines in UTF-8: previous hash, sequence number, milliseconds, type, payload.
 * The first four lines cannot hold a line break, so no two records give the same text.
 */
export const chainHash = (previous: string, seq: number, record: RecordInput): string =>
  hash("sha256", `${previous}\n${seq}\n${record.atMs}\n${record.type}\n${record.payload}`);

/** Gives a record its place behind `head`. Throws when the caller built the record wrongly. */
export function link(head: JournalHead, record: RecordInput): JournalRecord {
  const { atMs, type, payload } = record;
  assert(Number.isSafeInteger(atMs), `a record's time is whole milliseconds, not ${atMs}`);
  assert(TYPE_PATTERN.test(type), `a record's type is a short word, not "${type}"`);
  // A lone surrogate or a NUL would come back from a database as something else.
  assert(payload.isWellFormed() && !payload.includes("\0"), "a payload is well-formed text");
  const seq = head.seq + 1;
  return { seq, atMs, type, payload, hash: chainHash(head.hash, seq, record) };
}

/** Says why `record` does not follow `head`, or nothing when it does. */
export function whyNotNext(head: JournalHead, record: JournalRecord): string | undefined {
  if (record.seq !== head.seq + 1) return `record ${record.seq} stands in its place`;
  if (record.hash !== chainHash(head.hash, record.seq, record)) {
    return "its hash is not that of its content and of the record before";
  }
  return undefined;
}
