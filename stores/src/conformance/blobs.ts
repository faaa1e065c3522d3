// What every blob store must do with whole blobs.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { digestOf } from "../digest.ts";
import type { BlobStore } from "../port.ts";
import {
  collect,
  good,
  refused,
  type StoreSubject,
  someBytes,
  withPlace,
  withStore,
} from "./support.ts";

const UNKNOWN = `sha256:${"ab".repeat(32)}`;
const NO_DIGESTS = ["", "sha256:abc", `sha256:${"AB".repeat(32)}`, "sha256:../../etc/passwd"];

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const isEmpty = async (blobs: BlobStore): Promise<boolean> =>
  (await blobs.list({ limit: 10 })).length === 0;

/** Registers the tests of whole blobs. */
export function blobConformance(subject: StoreSubject): void {
  keeping(subject);
  refusing(subject);
  listing(subject);
}

function keeping(subject: StoreSubject): void {
  it(
    "a blob comes back under its digest, whether it was put at once or in pieces",
    withStore(subject, async ({ blobs }) => {
      for (const size of [0, 1, 1_000, 700_000]) {
        const bytes = someBytes(size);
        const stat = { digest: digestOf(bytes), size };
        assert.deepEqual(good(await blobs.put(bytes)), stat);
        assert.deepEqual(good(await blobs.put(inChunks(bytes, 333), stat.digest)), stat);
        assert.deepEqual(good(await blobs.stat(stat.digest)), stat);
        assert.deepEqual(good(await blobs.verify(stat.digest)), stat);
        assert.equal(await blobs.has(stat.digest), true);
        const content = good(await blobs.open(stat.digest));
        assert.deepEqual({ ...content, chunks: 0 }, { size, start: 0, end: size, chunks: 0 });
        assert.deepEqual(await collect(content.chunks), bytes);
      }
    }),
  );

  it(
    "a range gives exactly its bytes, the first included and the last not",
    withStore(subject, async ({ blobs }) => {
      const bytes = someBytes(600_000);
      const { digest } = good(await blobs.put(bytes));
      const ranges = [
        [0, 1],
        [5, 5],
        [599_999, 600_000],
        [262_143, 262_145],
        [10, 599_990],
      ] as const;
      for (const [start, end] of ranges) {
        const content = good(await blobs.open(digest, { start, end }));
        assert.deepEqual(await collect(content.chunks), bytes.subarray(start, end));
      }
      const wrong = [
        [-1, 5],
        [0, 600_001],
        [7, 6],
        [0.5, 2],
      ] as const;
      for (const [start, end] of wrong) {
        refused(await blobs.open(digest, { start, end }), "RANGE_INVALID");
      }
    }),
  );

  it("blobs outlive a restart", () =>
    withPlace(async (place) => {
      const first = good(await subject.open(place));
      const { digest } = good(await first.blobs.put(someBytes(5_000)));
      await first.close();
      const second = good(await subject.open(place));
      const content = good(await second.blobs.open(digest));
      assert.deepEqual(await collect(content.chunks), someBytes(5_000));
      await second.close();
    }));
}

function refusing(subject: StoreSubject): void {
  it(
    "bytes that do not have the digest that was named are refused and not kept",
    withStore(subject, async ({ blobs }) => {
      refused(await blobs.put(someBytes(10), UNKNOWN), "DIGEST_MISMATCH");
      assert.equal(await isEmpty(blobs), true);
    }),
  );

  it(
    "a source that fails leaves nothing behind and its error is the caller's",
    withStore(subject, async ({ blobs }) => {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield someBytes(100);
        await readFile("/no/such/file"); // A real error, as a broken source would throw it.
      }
      await assert.rejects(() => blobs.put(broken()), /no such file/);
      assert.equal(await isEmpty(blobs), true);
    }),
  );

  it("a blob over the limit is refused and not kept, and one at the limit is kept", () =>
    withPlace(async (place) => {
      const store = good(await subject.open(place, { blobBytesMax: 1_000 }));
      refused(await store.blobs.put(inChunks(someBytes(1_001), 100)), "TOO_LARGE");
      refused(await store.blobs.beginUpload(UNKNOWN, 1_001), "TOO_LARGE");
      assert.equal(await isEmpty(store.blobs), true);
      assert.equal(good(await store.blobs.put(someBytes(1_000))).size, 1_000);
      await store.close();
    }));

  it(
    "an unknown blob is not found, and what is no digest is refused as such",
    withStore(subject, async ({ blobs }) => {
      assert.equal(await blobs.has(UNKNOWN), false);
      refused(await blobs.stat(UNKNOWN), "NOT_FOUND");
      refused(await blobs.open(UNKNOWN), "NOT_FOUND");
      refused(await blobs.verify(UNKNOWN), "NOT_FOUND");
      assert.equal(good(await blobs.delete(UNKNOWN)), false);
      for (const text of NO_DIGESTS) {
        assert.equal(await blobs.has(text), false);
        refused(await blobs.stat(text), "INVALID_REQUEST");
        refused(await blobs.open(text), "INVALID_REQUEST");
        refused(await blobs.put(someBytes(1), text), "INVALID_REQUEST");
        refused(await blobs.delete(text), "INVALID_REQUEST");
        refused(await blobs.beginUpload(text, 1), "INVALID_REQUEST");
      }
    }),
  );
}

function listing(subject: StoreSubject): void {
  it(
    "the list gives every blob once, in the order of the digests, page by page",
    withStore(subject, async ({ blobs }) => {
      const all: string[] = [];
      for (let seed = 0; seed < 23; seed++) {
        all.push(good(await blobs.put(someBytes(50 + seed, seed))).digest);
      }
      const seen: string[] = [];
      for (;;) {
        const after = seen.at(-1) as `sha256:${string}` | undefined;
        const page = await blobs.list({ limit: 5, ...(after === undefined ? {} : { after }) });
        if (page.length === 0) break;
        assert.ok(page.length <= 5);
        seen.push(...page.map(({ digest }) => digest));
      }
      assert.deepEqual(seen, all.sort());
    }),
  );

  it(
    "a deleted blob is gone, and can be put again",
    withStore(subject, async ({ blobs }) => {
      const { digest } = good(await blobs.put(someBytes(10)));
      assert.equal(good(await blobs.delete(digest)), true);
      assert.equal(await blobs.has(digest), false);
      assert.equal(await isEmpty(blobs), true);
      good(await blobs.put(someBytes(10)));
      assert.equal(await blobs.has(digest), true);
    }),
  );
}
