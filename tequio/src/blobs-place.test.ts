// Tests what `--blobs` refuses before any server is asked. The rest is proved by s3.real.ts of the
// stores and by blobs-place.real.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { withBlobsAt } from "./blobs-place.ts";

test("places and servers that are none, or that show a password, are refused", async () => {
  const wrong = [
    [{ blobs: "/var/blobs" }, "INVALID_REQUEST"],
    [{ blobs: "s3://key:secret@bucket/x" }, "INVALID_REQUEST"],
    [{ blobsEndpoint: "https://s3.example.org" }, "USAGE"],
    [{ blobs: "s3://bucket", blobsEndpoint: "s3.example.org" }, "USAGE"],
    [{ blobs: "s3://bucket", blobsEndpoint: "https://key:secret@s3.example.org" }, "USAGE"],
  ] as const;
  for (const [place, code] of wrong) {
    const store = await openMemoryStore();
    assert.ok(store.ok);
    const opened = await withBlobsAt(store.value, place);
    assert.deepEqual(opened.ok ? "opened" : opened.code, code);
    assert.equal((await store.value.journal.append(0, [])).ok, false, "the store was closed");
  }
});

test("without a place the blobs stay in the store", async () => {
  const store = await openMemoryStore();
  assert.ok(store.ok);
  const same = await withBlobsAt(store.value, {});
  assert.ok(same.ok && same.value === store.value);
  await store.value.close();
});
