// Copies blobs between folders: whole, in pieces, and on from where a copy was cut off. The same
// with a bucket of a real server is in copy-blobs.real.ts.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { refuse } from "@tequio/core/pool";
import { collect, good, refused, someBytes, withPlace } from "./conformance/support.ts";
import { copyBlobs } from "./copy-blobs.ts";
import { digestOf, hexOf } from "./digest.ts";
import { openBlobFolder } from "./files/blobs.ts";
import { UPLOAD_CHUNK_BYTES_MAX } from "./limits.ts";
import type { BlobStore } from "./port.ts";

/** Two pieces. */
const LARGE = someBytes(UPLOAD_CHUNK_BYTES_MAX + 77);
const DIGEST = digestOf(LARGE);
const SMALL = [0, 1, 70_000].map((size) => someBytes(size, size));
const ALL_BYTES = LARGE.length + 70_001;
const IN_PIECES = { inPiecesFromBytes: 1_000_000 };

async function places(folder: string): Promise<{ from: BlobStore; to: BlobStore }> {
  const from = (await openBlobFolder(join(folder, "from"))).blobs;
  const to = (await openBlobFolder(join(folder, "to"))).blobs;
  for (const bytes of [LARGE, ...SMALL]) good(await from.put(bytes));
  return { from, to };
}

test("every blob arrives under its digest, large ones in pieces", () =>
  withPlace(async (folder) => {
    const { from, to } = await places(folder);
    const seen: number[] = [];
    const onProgress = ({ blobBytes }: { readonly blobBytes: number }) => void seen.push(blobBytes);
    const copied = good(await copyBlobs(from, to, { ...IN_PIECES, onProgress }));
    assert.deepEqual(copied, { blobs: 4, blobBytes: ALL_BYTES, blobsThere: 0 });
    assert.equal(seen.length, 4 + 2, "each blob, and each piece of the large one");
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
    assert.deepEqual(await to.list({ limit: 9 }), await from.list({ limit: 9 }));
    const content = good(await to.open(DIGEST));
    assert.ok(Buffer.from(await collect(content.chunks)).equals(LARGE));
    assert.deepEqual(await to.uploads(), []);
    const again = good(await copyBlobs(from, to, IN_PIECES));
    assert.deepEqual(again, { blobs: 4, blobBytes: ALL_BYTES, blobsThere: 4 });
  }));

test("a copy that was cut off in a large blob goes on there and sends no byte twice", () =>
  withPlace(async (folder) => {
    const { from, to } = await places(folder);
    let sent = 0;
    let left = 1;
    const cut: BlobStore = {
      ...to,
      async appendUpload(digest, offset, chunk) {
        if (left === 0) return refuse("STORE_UNREACHABLE", "The link is cut.", "Mend the link.");
        left -= 1;
        sent += chunk.length;
        return to.appendUpload(digest, offset, chunk);
      },
    };
    refused(await copyBlobs(from, cut, IN_PIECES), "STORE_UNREACHABLE");
    left = 9;
    const copied = good(await copyBlobs(from, cut, IN_PIECES));
    assert.equal(copied.blobs, 4);
    assert.equal(sent, LARGE.length);
    assert.equal(good(await to.verify(DIGEST)).size, LARGE.length);
  }));

test("a blob that is not what its name says is refused, whole or in pieces", () =>
  withPlace(async (folder) => {
    const { from, to } = await places(folder);
    const hex = hexOf(DIGEST);
    const path = join(folder, "from", hex.slice(0, 2), hex);
    rmSync(path);
    writeFileSync(path, someBytes(LARGE.length, 5));
    refused(await copyBlobs(from, to, IN_PIECES), "DIGEST_MISMATCH");
    refused(await copyBlobs(from, to), "DIGEST_MISMATCH");
    assert.equal(await to.has(DIGEST), false);
    assert.deepEqual(await to.uploads(), []);
  }));
