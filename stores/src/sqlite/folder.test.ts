// Data folders that this program must not use, and damage below the level of records.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { good, records, refused, someBytes, withPlace } from "../conformance/support.ts";
import { hexOf } from "../digest.ts";
import { openSqliteStore } from "./index.ts";

const database = (folder: string): DatabaseSync => new DatabaseSync(join(folder, "journal.sqlite"));

async function filledFolder(folder: string, count: number): Promise<void> {
  const store = good(await openSqliteStore({ folder }));
  good(await store.journal.append(0, records(count)));
  await store.close();
}

test("the folder holds the journal, blobs by their digits, and after close no log", () =>
  withPlace(async (place) => {
    const folder = join(place, "deep", "data");
    const store = good(await openSqliteStore({ folder }));
    const { digest } = good(await store.blobs.put(someBytes(10)));
    const hex = hexOf(digest);
    assert.equal(statSync(join(folder, "blobs", hex.slice(0, 2), hex)).size, 10);
    assert.deepEqual(
      { ...store.info },
      { kind: "sqlite", formatVersion: 1, verifiedAfterSeq: 0, tempFilesRemoved: 0 },
    );
    await store.close();
    assert.deepEqual(readdirSync(folder).sort(), [
      "archive.sqlite",
      "blobs",
      "journal.sqlite",
      "lock",
      "snapshots",
    ]);
  }));

test("a newer format is refused and left as it is", () =>
  withPlace(async (folder) => {
    await filledFolder(folder, 3);
    const newer = database(folder);
    newer.exec("PRAGMA user_version = 2");
    newer.close();
    const refusal = refused(await openSqliteStore({ folder }), "STORE_NEWER");
    assert.match(refusal.message, /format 2.*up to 1/);
    const older = database(folder);
    older.exec("PRAGMA user_version = 1");
    older.close();
    const store = good(await openSqliteStore({ folder }));
    assert.equal(store.journal.head().seq, 3);
    await store.close();
  }));

test("a database of another program is refused and left as it is", () =>
  withPlace(async (folder) => {
    const other = database(folder);
    other.exec("CREATE TABLE recipes (name TEXT)");
    other.close();
    const before = readFileSync(join(folder, "journal.sqlite"));
    refused(await openSqliteStore({ folder }), "JOURNAL_CORRUPT");
    assert.deepEqual(readFileSync(join(folder, "journal.sqlite")), before);
    writeFileSync(join(folder, "journal.sqlite"), someBytes(20_000));
    refused(await openSqliteStore({ folder }), "JOURNAL_CORRUPT");
  }));

test("a path that is a file, or lies below one, is refused", () =>
  withPlace(async (place) => {
    writeFileSync(join(place, "file"), "");
    refused(await openSqliteStore({ folder: join(place, "file") }), "STORE_UNWRITABLE");
    refused(await openSqliteStore({ folder: join(place, "file", "data") }), "STORE_UNWRITABLE");
  }));

test("a byte flipped in the database file never goes unnoticed", () =>
  withPlace(async (folder) => {
    await filledFolder(folder, 400);
    const path = join(folder, "journal.sqlite");
    const good400 = readFileSync(path);
    const text = good400.indexOf('"number":250,');
    assert.ok(text > 0);
    // The payload itself, and the header of the page it lies on.
    for (const at of [text + 10, Math.floor(text / 4_096) * 4_096]) {
      const bytes = Buffer.from(good400);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x04, at);
      writeFileSync(path, bytes);
      const refusal = refused(await openSqliteStore({ folder }), "JOURNAL_CORRUPT");
      assert.ok(Number(refusal.at) > 200 && Number(refusal.at) <= 250, refusal.message);
    }
    writeFileSync(path, good400);
    await good(await openSqliteStore({ folder })).close();
  }));

test("missing, swapped and inserted records are found", () =>
  withPlace(async (place) => {
    const changes: readonly [string, string][] = [
      ["DELETE FROM journal WHERE seq = 5", "5"],
      ["DELETE FROM journal WHERE seq <= 2", "1"],
      ["UPDATE journal SET seq = 100 WHERE seq = 9", "9"],
      ["UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 7", "7"],
      ["UPDATE journal SET type = 'job.ended' WHERE seq = 3", "3"],
      ["INSERT INTO journal VALUES (11, 1, 't', '{}', 'ff')", "11"],
    ];
    for (const [number, [sql, at]] of changes.entries()) {
      const folder = join(place, String(number));
      await filledFolder(folder, 10);
      const changed = database(folder);
      changed.exec(sql);
      changed.close();
      assert.equal(refused(await openSqliteStore({ folder }), "JOURNAL_CORRUPT").at, at, sql);
    }
  }));

test("a journal that is shorter than its snapshot is refused with the first record missing", () =>
  withPlace(async (folder) => {
    const store = good(await openSqliteStore({ folder }));
    good(await store.journal.append(0, records(10)));
    good(await store.snapshots.put({ seq: 8, formatVersion: 1, bytes: someBytes(5) }));
    await store.close();
    const changed = database(folder);
    changed.exec("DELETE FROM journal WHERE seq > 6");
    changed.close();
    assert.equal(refused(await openSqliteStore({ folder }), "JOURNAL_CORRUPT").at, "7");
  }));

test("a damaged snapshot is skipped, named, and the one before it is given", () =>
  withPlace(async (folder) => {
    const store = good(await openSqliteStore({ folder }));
    good(await store.journal.append(0, records(10)));
    for (const seq of [2, 4, 8]) {
      good(await store.snapshots.put({ seq, formatVersion: 1, bytes: someBytes(500, seq) }));
    }
    const files = readdirSync(join(folder, "snapshots")).sort();
    assert.deepEqual(files, ["0000000000000004.snapshot", "0000000000000008.snapshot"]);
    const path = join(folder, "snapshots", files[1]!);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(path, bytes);
    const found = good(await store.snapshots.latest())!;
    assert.deepEqual([found.seq, found.skipped], [4, [8]]);
    assert.deepEqual(new Uint8Array(found.bytes), someBytes(500, 4));
    await store.close();
  }));

test("after a snapshot only the records behind it are verified at open", () =>
  withPlace(async (folder) => {
    const store = good(await openSqliteStore({ folder }));
    good(await store.journal.append(0, records(10)));
    good(await store.snapshots.put({ seq: 7, formatVersion: 1, bytes: someBytes(5) }));
    await store.close();
    const again = good(await openSqliteStore({ folder }));
    assert.equal(again.info.verifiedAfterSeq, 7);
    await again.close();
  }));

test("half-written blobs of an ended process go at the next open, uploads stay", () =>
  withPlace(async (folder) => {
    const incoming = join(folder, "blobs", "incoming");
    await mkdir(incoming, { recursive: true });
    const part = join(incoming, `${"ab".repeat(32)}-99.part`);
    writeFileSync(join(incoming, "17-1.tmp"), "half");
    writeFileSync(part, "some");
    const store = good(await openSqliteStore({ folder }));
    assert.equal(store.info.tempFilesRemoved, 1);
    assert.equal(existsSync(part), true);
    assert.deepEqual(
      (await store.blobs.uploads()).map(({ size, offset }) => [size, offset]),
      [[99, 4]],
    );
    await store.close();
  }));

test("a blob changed on the disk is found by verify", () =>
  withPlace(async (folder) => {
    const store = good(await openSqliteStore({ folder }));
    const { digest } = good(await store.blobs.put(someBytes(10)));
    const hex = hexOf(digest);
    writeFileSync(join(folder, "blobs", hex.slice(0, 2), hex), someBytes(10, 2));
    refused(await store.blobs.verify(digest), "DIGEST_MISMATCH");
    await store.close();
  }));
