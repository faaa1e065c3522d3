// Copies between data folders: nothing is lost, nothing is overwritten, and what was not finished
// says so. The same with a database server is in copy.real.ts.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { collect, good, records, refused, someBytes, withPlace } from "./conformance/support.ts";
import { copyStore } from "./copy.ts";
import { READ_RECORDS_MAX } from "./limits.ts";
import type { Store } from "./port.ts";
import { openOnlineFolder, openSqliteStore } from "./sqlite/index.ts";
import { startChild } from "./sqlite/testing/run.ts";

/** More than one page. */
const COUNT = READ_RECORDS_MAX + 25;
const BLOBS = { blobs: 3, blobBytes: 300_010, blobsThere: 0 };

async function filled(folder: string, count = COUNT): Promise<Store> {
  const store = good(await openSqliteStore({ folder }));
  for (let seq = 0; seq < count; ) {
    const size = Math.min(5_000, count - seq);
    seq = good(await store.journal.append(seq, records(size, seq + 1))).seq;
  }
  for (const seq of [10, count - 5]) {
    good(await store.snapshots.put({ seq, formatVersion: 7, bytes: someBytes(900, seq) }));
  }
  for (const size of [0, 10, 300_000]) good(await store.blobs.put(someBytes(size)));
  return store;
}

test("a copy has the same head, snapshot and blobs, and is a pool of its own", () =>
  withPlace(async (place) => {
    const source = await filled(join(place, "from"));
    const target = good(await openSqliteStore({ folder: join(place, "to"), filling: true }));
    const seen: number[] = [];
    const copied = good(
      await copyStore(source, target, { onProgress: ({ seq }) => void seen.push(seq) }),
    );
    const head = source.journal.head();
    assert.deepEqual(copied, { ...head, snapshotSeq: COUNT - 5, ...BLOBS });
    assert.deepEqual(seen.slice(0, 2), [READ_RECORDS_MAX, COUNT]);
    await target.close();
    const opened = good(await openSqliteStore({ folder: join(place, "to") }));
    assert.deepEqual(opened.journal.head(), head);
    assert.deepEqual(good(await opened.snapshots.latest()), good(await source.snapshots.latest()));
    for (const { digest } of await source.blobs.list({ limit: 10 })) {
      const [one, other] = await Promise.all([
        collect(good(await source.blobs.open(digest)).chunks),
        collect(good(await opened.blobs.open(digest)).chunks),
      ]);
      assert.deepEqual(one, other);
    }
    await Promise.all([opened.close(), source.close()]);
  }));

test("a copy up to a record ends there, with its hash and without a later snapshot", () =>
  withPlace(async (place) => {
    const source = await filled(join(place, "from"), 40);
    for (const [untilSeq, snapshotSeq] of [
      [36, 35],
      [20, undefined],
    ] as const) {
      const folder = join(place, `to-${untilSeq}`);
      const target = good(await openSqliteStore({ folder, filling: true }));
      const copied = good(await copyStore(source, target, { untilSeq }));
      const [record] = good(await source.journal.read({ afterSeq: untilSeq - 1, limit: 1 }));
      assert.deepEqual([copied.seq, copied.hash], [untilSeq, record?.hash]);
      assert.equal(copied.snapshotSeq, snapshotSeq);
      await target.close();
    }
    await source.close();
  }));

test("a copy that ends early leaves a target that nobody opens", () =>
  withPlace(async (place) => {
    const source = await filled(join(place, "from"));
    const failing = {
      ...source,
      journal: {
        head: source.journal.head,
        read: (page: { readonly afterSeq: number; readonly limit: number }) =>
          page.afterSeq > 0 ? Promise.reject(new Error("power is out")) : source.journal.read(page),
      },
    };
    const folder = join(place, "to");
    const target = good(await openSqliteStore({ folder, filling: true }));
    await assert.rejects(copyStore(failing, target), /power is out/);
    await target.close();
    const refusal = refused(await openSqliteStore({ folder }), "STORE_INCOMPLETE");
    assert.match(refusal.message, /not finished/);
    refused(await openSqliteStore({ folder, filling: true }), "STORE_INCOMPLETE");
    const far = good(await openSqliteStore({ folder: join(place, "far"), filling: true }));
    refused(await copyStore(source, far, { untilSeq: COUNT + 1 }), "RANGE_INVALID");
    await far.close();
    refused(await openSqliteStore({ folder: join(place, "far") }), "STORE_INCOMPLETE");
    await source.close();
  }));

test("a folder that holds a pool is no target, and stays as it was", () =>
  withPlace(async (folder) => {
    await (await filled(folder, 20)).close();
    refused(await openSqliteStore({ folder, filling: true }), "STORE_NOT_EMPTY");
    const store = good(await openSqliteStore({ folder }));
    assert.equal(store.journal.head().seq, 20);
    await store.close();
  }));

test("a pool that is being written to can be copied: all that was acknowledged is there", () =>
  withPlace(async (place) => {
    const folder = join(place, "from");
    const child = startChild("stream", folder);
    try {
      await child.said(200);
      for (let round = 0; round < 3; round++) {
        await sleep(100);
        const acknowledged = Math.max(...child.lines().map(Number));
        const scratch = join(place, "scratch");
        const source = good(await openOnlineFolder(folder, scratch));
        const to = join(place, `to-${round}`);
        const target = good(await openSqliteStore({ folder: to, filling: true }));
        const { seq } = good(await copyStore(source, target));
        assert.ok(seq >= acknowledged, `${seq} < ${acknowledged}`);
        assert.equal(seq % 3, 0, "an append of three is there as a whole or not");
        await Promise.all([target.close(), source.close()]);
        assert.ok(!existsSync(scratch));
      }
    } finally {
      await child.kill();
    }
    const store = good(await openSqliteStore({ folder }));
    assert.equal(good(await store.journal.verify()).seq, store.journal.head().seq);
    await store.close();
  }));

test("looking at a folder without a pool is refused and leaves nothing", () =>
  withPlace(async (place) => {
    const scratch = join(place, "scratch");
    refused(await openOnlineFolder(join(place, "nothing"), scratch), "NOT_FOUND");
    assert.deepEqual(readdirSync(place), []);
  }));
