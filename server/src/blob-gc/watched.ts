// Blobs under watch: the store's blobs, of which is known how many bytes there are, how many are
// promised to uploads under way, and when each blob was last used. Whoever uses a blob waits until
// a removal of it is over, and what was just used is not removed: so nobody is told of a blob that
// is gone a moment later.
import type { Outcome } from "@tequio/core/pool";
import { type BlobStore, type Digest, parseDigest } from "@tequio/stores";

export interface WatchedBlobs extends BlobStore {
  /** Bytes of all blobs that are known; all of them after the first pass. */
  readonly bytes: () => number;
  readonly count: () => number;
  readonly sizeOf: (digest: string) => number | undefined;
  /** Bytes promised to uploads under way, by digest. */
  readonly promised: ReadonlyMap<string, number>;
  /** Counts an upload before it begins; taken back when the beginning is refused. */
  readonly promise: (digest: string, size: number) => void;
  /** A listing found the blob. */
  readonly found: (digest: Digest, size: number) => void;
  /** A listing is over: what it did not show and nobody used since `sinceMs` is not there. */
  readonly listed: (seen: ReadonlySet<string>, sinceMs: number) => void;
  /** Removes a blob, unless somebody used it after `usedBeforeMs` or may be using it now; false
   * then, and when there was none. */
  readonly removeUnused: (digest: Digest, usedBeforeMs: number) => Promise<Outcome<boolean>>;
  /** Forgets uses before a time. */
  readonly forgetBefore: (ms: number) => void;
}

/** What is known of the blobs. */
interface Book {
  readonly sizes: Map<string, number>;
  readonly usedMs: Map<string, number>;
  readonly promised: Map<string, number>;
  readonly removing: Map<string, Promise<unknown>>;
  total: number;
  /** Puts whose digest is known at their end only. */
  blindPuts: number;
}

/** Watches blobs; `now` is a clock in milliseconds that never goes back. */
export function watchBlobs(blobs: BlobStore, now: () => number): WatchedBlobs {
  const book: Book = {
    sizes: new Map(),
    usedMs: new Map(),
    promised: new Map(),
    removing: new Map(),
    total: 0,
    blindPuts: 0,
  };
  const use = async (digest: string): Promise<void> => {
    for (;;) {
      const removal = book.removing.get(digest);
      if (removal === undefined) break;
      await removal.catch(() => undefined);
    }
    if (parseDigest(digest) !== undefined) book.usedMs.set(digest, now());
  };
  return {
    ...reading(blobs, book, use),
    ...writing(blobs, book, use, now),
    ...uploading(blobs, book, use),
    ...counting(book),
    async removeUnused(digest, usedBeforeMs) {
      const used = book.usedMs.get(digest);
      const busy = book.blindPuts > 0 || book.promised.has(digest) || book.removing.has(digest);
      if (busy || (used !== undefined && used >= usedBeforeMs)) return { ok: true, value: false };
      return remove(blobs, book, digest);
    },
  };
}

type Use = (digest: string) => Promise<void>;

function add(book: Book, digest: string, size: number): void {
  book.total += size - (book.sizes.get(digest) ?? 0);
  book.sizes.set(digest, size);
}

function drop(book: Book, digest: string): void {
  book.total -= book.sizes.get(digest) ?? 0;
  book.sizes.delete(digest);
}

async function remove(blobs: BlobStore, book: Book, digest: string): Promise<Outcome<boolean>> {
  const removal = blobs.delete(digest);
  book.removing.set(digest, removal);
  try {
    const removed = await removal;
    if (removed.ok) drop(book, digest);
    return removed;
  } finally {
    book.removing.delete(digest);
  }
}

function reading(blobs: BlobStore, book: Book, use: Use) {
  return {
    async has(digest: string) {
      await use(digest);
      return blobs.has(digest);
    },
    async stat(digest: string) {
      await use(digest);
      const found = await blobs.stat(digest);
      if (found.ok) add(book, digest, found.value.size);
      return found;
    },
    async open(...[digest, range]: Parameters<BlobStore["open"]>) {
      await use(digest);
      return blobs.open(digest, range);
    },
    async verify(digest: string) {
      await use(digest);
      return blobs.verify(digest);
    },
    list: (page: Parameters<BlobStore["list"]>[0]) => blobs.list(page),
  };
}

function writing(blobs: BlobStore, book: Book, use: Use, now: () => number) {
  return {
    async put(...[source, expected]: Parameters<BlobStore["put"]>) {
      // A removal under way may be of the very bytes that come.
      book.blindPuts += 1;
      try {
        await Promise.allSettled(book.removing.values());
        const put = await blobs.put(source, expected);
        if (put.ok) {
          add(book, put.value.digest, put.value.size);
          book.usedMs.set(put.value.digest, now());
        }
        return put;
      } finally {
        book.blindPuts -= 1;
      }
    },
    /** What its owner has decided to remove goes at once. */
    async delete(digest: string) {
      await use(digest);
      return remove(blobs, book, digest);
    },
  };
}

function uploading(blobs: BlobStore, book: Book, use: Use) {
  return {
    async beginUpload(digest: string, size: number) {
      await use(digest);
      const begun = await blobs.beginUpload(digest, size);
      if (!begun.ok) {
        const open = (await blobs.uploads()).some((one) => one.digest === digest);
        if (!open) book.promised.delete(digest);
      } else if (begun.value.complete) {
        book.promised.delete(digest);
        add(book, digest, begun.value.size);
      } else book.promised.set(digest, size);
      return begun;
    },
    async appendUpload(...[digest, offset, chunk]: Parameters<BlobStore["appendUpload"]>) {
      await use(digest);
      const sent = await blobs.appendUpload(digest, offset, chunk);
      if (!sent.ok && sent.code === "NOT_FOUND") book.promised.delete(digest);
      return sent;
    },
    async finishUpload(digest: string) {
      await use(digest);
      const done = await blobs.finishUpload(digest);
      if (done.ok) add(book, digest, done.value.size);
      const over = done.ok || done.code === "DIGEST_MISMATCH" || done.code === "NOT_FOUND";
      if (over) book.promised.delete(digest);
      return done;
    },
    async abortUpload(digest: string) {
      const aborted = await blobs.abortUpload(digest);
      book.promised.delete(digest);
      return aborted;
    },
    async uploads() {
      const open = await blobs.uploads();
      for (const { digest, size } of open) book.promised.set(digest, size);
      return open;
    },
  };
}

function counting(book: Book) {
  return {
    bytes: () => book.total,
    count: () => book.sizes.size,
    sizeOf: (digest: string) => book.sizes.get(digest),
    promised: book.promised,
    promise: (digest: string, size: number) => void book.promised.set(digest, size),
    found: (digest: Digest, size: number) => {
      if (!book.removing.has(digest)) add(book, digest, size);
    },
    listed: (seen: ReadonlySet<string>, sinceMs: number) => {
      for (const digest of book.sizes.keys()) {
        const fresh = (book.usedMs.get(digest) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
        if (!seen.has(digest) && !fresh) drop(book, digest);
      }
    },
    forgetBefore: (ms: number) => {
      for (const [digest, usedMs] of book.usedMs) if (usedMs < ms) book.usedMs.delete(digest);
    },
  };
}
