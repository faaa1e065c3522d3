// Copies a pool from one store to another: the journal record by record with its chain, the
// newest snapshot, and every blob (copy-blobs.ts). Which stores they are, and what else lies in a
// data folder, is left to the caller.
import { assert, type Outcome, ok, refuse } from "@tequio/core/pool";
import { type BlobsCopied, copyBlobs } from "./copy-blobs.ts";
import { READ_RECORDS_MAX } from "./limits.ts";
import type { StoreSource, StoreTarget } from "./port.ts";

export interface CopyOptions {
  /** Leaves out every record after this one; absent: up to the source's head. */
  readonly untilSeq?: number;
  /** Told now and then how far the copy is. */
  readonly onProgress?: (done: CopyProgress) => void;
  /** The target shall use the blobs where they lie: none is copied. */
  readonly blobsStay?: boolean;
}

/** How far a copy is: records first, then blobs. */
export interface CopyProgress extends BlobsCopied {
  readonly seq: number;
}

/** What is in the target now. */
export interface Copied extends BlobsCopied {
  readonly seq: number;
  /** The chain's hash at that record: the same in source and target. */
  readonly hash: string;
  /** The record of the snapshot; absent when there was none to take. */
  readonly snapshotSeq?: number;
}

const NO_BLOBS: BlobsCopied = { blobs: 0, blobBytes: 0, blobsThere: 0 };

/**
 * Fills an empty target and finishes it. Whatever is refused or thrown before the end leaves the
 * mark of an unfinished copy on it. Refuses RANGE_INVALID when the source ends before `untilSeq`,
 * JOURNAL_CORRUPT, DIGEST_MISMATCH, and what source and target refuse.
 */
export async function copyStore(
  source: StoreSource,
  target: StoreTarget,
  options: CopyOptions = {},
): Promise<Outcome<Copied>> {
  const head = source.journal.head();
  const untilSeq = options.untilSeq ?? head.seq;
  if (untilSeq > head.seq) {
    return refuse(
      "RANGE_INVALID",
      `The journal ends at record ${head.seq}, before ${untilSeq}.`,
      `Give a number up to ${head.seq}, or none for all.`,
    );
  }
  // Taken first: of a pool that runs, a later one may be ahead of the head that we saw.
  const snapshot = await source.snapshots.latest();
  if (!snapshot.ok) return snapshot;
  const journal = await copyJournal(source, target, untilSeq, options);
  if (!journal.ok) return journal;
  const verified = await target.journal.verify();
  if (!verified.ok) return verified;
  assert(verified.value.hash === journal.value.hash, "a copy has the hash of what was read");
  let snapshotSeq: number | undefined;
  if (snapshot.value !== undefined && snapshot.value.seq <= untilSeq) {
    const { seq, formatVersion, bytes } = snapshot.value;
    const put = await target.snapshots.put({ seq, formatVersion, bytes });
    if (!put.ok) return put;
    snapshotSeq = seq;
  }
  const { onProgress } = options;
  const blobs = options.blobsStay
    ? ok(NO_BLOBS)
    : await copyBlobs(source.blobs, target.blobs, {
        onProgress: (done) => onProgress?.({ seq: untilSeq, ...done }),
      });
  if (!blobs.ok) return blobs;
  const finished = await target.finish();
  if (!finished.ok) return finished;
  const { seq, hash } = verified.value;
  const found = { seq, hash, ...blobs.value };
  return ok(snapshotSeq === undefined ? found : { ...found, snapshotSeq });
}

async function copyJournal(
  source: StoreSource,
  target: StoreTarget,
  untilSeq: number,
  { onProgress }: CopyOptions,
): Promise<Outcome<{ readonly hash: string }>> {
  for (;;) {
    const { seq, hash } = target.journal.head();
    if (seq >= untilSeq) return ok({ hash });
    const limit = Math.min(READ_RECORDS_MAX, untilSeq - seq);
    const page = await source.journal.read({ afterSeq: seq, limit });
    if (!page.ok) return page;
    const last = page.value.at(-1);
    assert(last !== undefined, "before its head a journal has a next record");
    const written = await target.journal.append(seq, page.value);
    if (!written.ok) return written;
    assert(target.journal.head().hash === last.hash, "equal records have equal hashes");
    onProgress?.({ seq: last.seq, ...NO_BLOBS });
  }
}
