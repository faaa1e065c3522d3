// Torn write-ahead logs: of a process that was killed, then cut and damaged in every way. SQLite
// itself is the judge: our reading of a log must find the very commits that SQLite finds.
import assert from "node:assert/strict";
import { cpSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { good, records, refused } from "../conformance/support.ts";
import { openSqliteStore } from "./index.ts";
import { startChild } from "./testing/run.ts";
import { inspectWal } from "./wal.ts";

const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4_096;
const COMMITS = 12;

let home = "";
let killed = "";
let copies = 0;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "tequio-wal-"));
  killed = join(home, "killed");
  const child = startChild("append", killed);
  await child.said(1);
  await child.kill();
});

after(() => rm(home, { recursive: true, force: true }));

const walOf = (folder: string): string => join(folder, "journal.sqlite-wal");
const sizeOf = (folder: string): number => statSync(walOf(folder)).size;

/** A fresh copy of what the killed process left. */
function copy(change: (log: Buffer) => Buffer | undefined = () => undefined): string {
  copies += 1;
  const folder = join(home, `copy-${copies}`);
  cpSync(killed, folder, { recursive: true });
  const changed = change(readFileSync(walOf(folder)));
  if (changed !== undefined) writeFileSync(walOf(folder), changed);
  return folder;
}

/** Ends of the frames that end a commit, as places in the file. */
function commitEnds(log: Buffer): readonly number[] {
  const ends: number[] = [];
  for (let at = HEADER_BYTES; at + FRAME_BYTES <= log.length; at += FRAME_BYTES) {
    if (log.readUInt32BE(at + 4) !== 0) ends.push(at + FRAME_BYTES);
  }
  return ends;
}

/** How many frames of the log SQLite uses, and how many records it then finds. */
function askSqlite(folder: string): { readonly frames: number; readonly rows: number } {
  const database = new DatabaseSync(join(folder, "journal.sqlite"));
  try {
    const has = database.prepare("SELECT 1 FROM sqlite_schema").get() !== undefined;
    const count = () => database.prepare("SELECT count(*) AS n FROM journal").get()?.n as number;
    const rows = has ? count() : 0;
    const { log } = database.prepare("PRAGMA wal_checkpoint(PASSIVE)").get() as { log: number };
    return { frames: Math.max(log, 0), rows };
  } finally {
    database.close();
  }
}

test("the log of a killed process is whole: nothing is lost and nothing reported", async () => {
  const folder = copy();
  const report = inspectWal(walOf(folder))!;
  assert.equal(report.committedFrames * FRAME_BYTES + HEADER_BYTES, sizeOf(folder));
  assert.deepEqual(
    { ...report, committedFrames: 0 },
    {
      committedFrames: 0,
      lostBytes: 0,
      tail: "clean",
      lostAcknowledged: false,
    },
  );
  const store = good(await openSqliteStore({ folder }));
  assert.equal(store.info.recovered, undefined);
  assert.equal(store.journal.head().seq, COMMITS);
  await store.close();
});

test("a log cut inside its last commit opens at the commit before and says so once", async () => {
  const ends = commitEnds(readFileSync(walOf(killed)));
  const whole = ends.at(-2)!;
  for (const lostBytes of [1, 23, 24, FRAME_BYTES - 1]) {
    const folder = copy();
    truncateSync(walOf(folder), whole + lostBytes);
    const store = good(await openSqliteStore({ folder }));
    const lastSeq = COMMITS - 1;
    assert.deepEqual(store.info.recovered, { lostBytes, tail: "cut", lastSeq });
    assert.equal(store.journal.head().seq, lastSeq);
    assert.equal(good(await store.journal.append(lastSeq, records(1))).seq, COMMITS);
    await store.close();
    const again = good(await openSqliteStore({ folder }));
    assert.equal(again.info.recovered, undefined);
    assert.equal(good(await again.journal.verify()).seq, COMMITS);
    await again.close();
  }
});

test("one byte changed in the last commit, header or page, opens at the one before", async () => {
  const log = readFileSync(walOf(killed));
  const [from, to] = [commitEnds(log).at(-2)!, commitEnds(log).at(-1)!];
  // Page number, commit mark, both salts, both sums, the page's beginning and end.
  for (const place of [
    from,
    from + 7,
    from + 8,
    from + 15,
    from + 16,
    from + 23,
    from + 24,
    to - 1,
  ]) {
    const folder = copy((bytes) => flip(bytes, place));
    const store = good(await openSqliteStore({ folder }));
    const expected = { lostBytes: to - from, tail: "damaged", lastSeq: COMMITS - 1 };
    assert.deepEqual(store.info.recovered, expected, `byte ${place - from} of the frame`);
    assert.equal(good(await store.journal.verify()).seq, COMMITS - 1);
    await store.close();
  }
});

test("damage that hides acknowledged records is refused, and nothing is changed", async () => {
  const log = readFileSync(walOf(killed));
  const third = commitEnds(log).at(-4)! + 100;
  for (const place of [0, 17, 25, HEADER_BYTES + 50, third]) {
    const folder = copy((bytes) => flip(bytes, place));
    const damaged = readFileSync(walOf(folder));
    const refusal = refused(await openSqliteStore({ folder }), "JOURNAL_CORRUPT");
    assert.match(refusal.message, /acknowledged records/);
    assert.deepEqual(readFileSync(walOf(folder)), damaged);
  }
});

test("an empty, missing, zeroed or just begun log is no damage", async () => {
  const cases: readonly [Buffer, string][] = [
    [Buffer.alloc(0), "undefined"],
    [Buffer.alloc(20), "cut"],
    [Buffer.alloc(HEADER_BYTES), "damaged"],
    [Buffer.alloc(9_000), "damaged"],
  ];
  for (const [log, tail] of cases) {
    const report = inspectWal(walOf(copy(() => log)));
    assert.equal(String(report?.tail), tail);
    assert.equal(report?.lostAcknowledged ?? false, false);
  }
  assert.equal(inspectWal(join(home, "no-such-file")), undefined);
});

test("zeros that a power loss left behind the last commit are reported, not refused", async () => {
  const folder = copy((log) => Buffer.concat([log, Buffer.alloc(2 * FRAME_BYTES)]));
  const store = good(await openSqliteStore({ folder }));
  const expected = { lostBytes: 2 * FRAME_BYTES, tail: "damaged", lastSeq: COMMITS };
  assert.deepEqual(store.info.recovered, expected);
  await store.close();
});

test("whatever one cut and one changed byte do, we find the commits that SQLite finds", () => {
  const size = sizeOf(killed);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: size }),
      fc.option(fc.integer({ min: 0, max: size - 1 })),
      (end, place) => {
        const folder = copy((log) => {
          const cut = Buffer.from(log.subarray(0, end));
          return place === null || place >= end ? cut : flip(cut, place);
        });
        const found = inspectWal(walOf(folder))?.committedFrames ?? 0;
        assert.equal(found, askSqlite(folder).frames);
      },
    ),
    { numRuns: 60 },
  );
});

/** A database of its own whose log can be read while it is open. */
function openRaw(name: string): { readonly database: DatabaseSync; readonly log: string } {
  const path = join(home, name);
  const database = new DatabaseSync(path);
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
  database.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 10");
  database.exec("CREATE TABLE t (x)");
  return { database, log: `${path}-wal` };
}

test("frames from before the log's restart are not counted as lost", () => {
  const { database, log } = openRaw("restarted");
  for (let at = 0; at < 40; at++) database.exec("INSERT INTO t VALUES (randomblob(3000))");
  database.exec("PRAGMA wal_checkpoint(RESTART)");
  database.exec("INSERT INTO t VALUES (randomblob(100))");
  const report = inspectWal(log)!;
  assert.ok(report.committedFrames > 0 && report.committedFrames < 10);
  assert.ok(statSync(log).size > 40 * FRAME_BYTES);
  assert.deepEqual([report.lostBytes, report.tail], [0, "clean"]);
  database.close();
});

test("frames of a transaction that was never committed are reported as such", () => {
  const { database, log } = openRaw("uncommitted");
  const { committedFrames } = inspectWal(log)!;
  database.exec("BEGIN");
  for (let at = 0; at < 60; at++) database.exec("INSERT INTO t VALUES (randomblob(3000))");
  const report = inspectWal(log)!;
  assert.equal(report.committedFrames, committedFrames);
  assert.equal(report.tail, "uncommitted");
  assert.equal(report.lostBytes, statSync(log).size - HEADER_BYTES - committedFrames * FRAME_BYTES);
  assert.ok(report.lostBytes > 20 * FRAME_BYTES);
  assert.equal(report.lostAcknowledged, false);
  database.exec("ROLLBACK");
  database.close();
});

function flip(bytes: Buffer, place: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(place) ^ 0x10, place);
  return bytes;
}
