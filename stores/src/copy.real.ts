// A pool moved from a data folder to a database and back, and copied while it is being written.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type PostgresServer, startPostgres } from "./conformance/postgres-server.ts";
import { good, records, refused, someBytes, withPlace } from "./conformance/support.ts";
import { copyStore } from "./copy.ts";
import { openPostgresSource, openPostgresStore } from "./postgres/index.ts";
import { openSqliteStore } from "./sqlite/index.ts";

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server.remove());

test("a pool goes to a database and back with the same head, snapshot and blobs", () =>
  withPlace(async (place) => {
    const first = good(await openSqliteStore({ folder: join(place, "first") }));
    good(await first.journal.append(0, records(3_000)));
    const bytes = someBytes(9_000_000); // Three parts of a snapshot in the database.
    good(await first.snapshots.put({ seq: 2_990, formatVersion: 2, bytes }));
    good(await first.blobs.put(someBytes(70_000)));
    const url = server.url;
    const middle = { url, folder: join(place, "middle"), schema: "moved" };
    const database = good(await openPostgresStore({ ...middle, filling: true }));
    const there = good(await copyStore(first, database));
    await database.close();
    const folder = join(place, "last");
    const last = good(await openSqliteStore({ folder, filling: true }));
    const again = good(await openPostgresStore(middle));
    assert.deepEqual(again.info.verifiedAfterSeq, 2_990);
    assert.deepEqual(good(await copyStore(again, last)), there);
    assert.equal(there.hash, first.journal.head().hash);
    assert.deepEqual(new Uint8Array(good(await last.snapshots.latest())!.bytes), bytes);
    assert.deepEqual(await last.blobs.list({ limit: 9 }), await first.blobs.list({ limit: 9 }));
    refused(await openPostgresStore({ ...middle, filling: true }), "STORE_LOCKED");
    await Promise.all([first.close(), again.close(), last.close()]);
    refused(await openPostgresStore({ ...middle, filling: true }), "STORE_NOT_EMPTY");
    await good(await openPostgresStore(middle)).close();
  }));

test("a copy into a database that was not finished opens for nobody", () =>
  withPlace(async (folder) => {
    const target = { url: server.url, folder, schema: "unfinished" };
    await good(await openPostgresStore({ ...target, filling: true })).close();
    refused(await openPostgresStore(target), "STORE_INCOMPLETE");
    refused(await openPostgresStore({ ...target, filling: true }), "STORE_INCOMPLETE");
    await server.sql("DROP SCHEMA unfinished CASCADE");
    await good(await openPostgresStore(target)).close();
  }));

test("a pool in a database is copied while it is written: all that was acknowledged", () =>
  withPlace(async (place) => {
    const own = { url: server.url, folder: join(place, "own"), schema: "running" };
    const { journal, close } = good(await openPostgresStore(own));
    let stop = false;
    const appending = (async () => {
      while (!stop) {
        const { seq } = journal.head();
        good(await journal.append(seq, records(50, seq + 1)));
      }
    })();
    while (journal.head().seq < 500) await new Promise((turn) => setTimeout(turn, 5));
    const acknowledged = journal.head().seq;
    const source = good(await openPostgresSource(own));
    const target = good(await openSqliteStore({ folder: join(place, "to"), filling: true }));
    const { seq } = good(await copyStore(source, target));
    assert.ok(seq >= acknowledged && seq % 50 === 0);
    stop = true;
    await appending;
    await Promise.all([source.close(), target.close(), close()]);
  }));
