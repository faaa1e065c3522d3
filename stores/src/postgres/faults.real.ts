// The PostgreSQL store in trouble, on a real server: killed, read-only, out of connections, cut
// off in the middle of an append, and its place taken by another.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { type PostgresServer, startPostgres } from "../conformance/postgres-server.ts";
import { good, records, refused, withPlace } from "../conformance/support.ts";
import type { Store } from "../port.ts";
import { replay } from "../replay.ts";
import { openPostgresStore, type PostgresStore } from "./index.ts";
import { openRelay } from "./testing/relay.ts";

let server: PostgresServer;
before(async () => {
  server = await startPostgres(["max_connections = 12", "superuser_reserved_connections = 3"]);
});
after(() => server.remove());

let schemas = 0;

/** Runs a test on a store in a schema of its own. */
async function withStore(
  act: (store: PostgresStore, schema: string, folder: string) => Promise<void>,
  url = server.url,
): Promise<void> {
  schemas += 1;
  const schema = `fault_${schemas}`;
  await withPlace(async (folder) => {
    const store = good(await openPostgresStore({ url, folder, schema }));
    try {
      await act(store, schema, folder);
    } finally {
      await store.close();
    }
  });
}

/** Every record counts on from the one before. */
async function assertWhole({ journal }: Store, least: number): Promise<void> {
  let next = 1;
  const visit = ({ payload }: { readonly payload: string }) => {
    assert.equal(JSON.parse(payload).number, next);
    next += 1;
  };
  good(await replay(journal, 0, visit));
  assert.ok(next - 1 >= least, `${next - 1} records, ${least} were acknowledged`);
  assert.equal(good(await journal.verify()).seq, journal.head().seq);
}

const lead = (schema: string) =>
  `SELECT pg_terminate_backend(l.backend) FROM ${schema}.leader AS l`;

test("a server killed -9 under appends loses nothing; who appends sees only a pause", () =>
  withStore(async (store, schema, folder) => {
    const { journal } = store;
    let acknowledged = 0;
    let stop = false;
    const appending = (async () => {
      while (!stop) {
        const from = journal.head().seq;
        const waiting = Array.from({ length: 8 }, (_, at) =>
          journal.append(from + at * 3, records(3, from + at * 3 + 1)),
        );
        for (const outcome of await Promise.all(waiting)) acknowledged = good(outcome).seq;
      }
    })();
    for (let round = 0; round < 3; round++) {
      await sleep(150 + round * 40);
      await server.kill();
      const before = acknowledged;
      await server.start();
      while (acknowledged === before) await sleep(20);
    }
    stop = true;
    await appending;
    assert.equal(journal.head().seq, acknowledged);
    await assertWhole(store, acknowledged);
    await store.close();
    const again = good(await openPostgresStore({ url: server.url, folder, schema }));
    await assertWhole(again, acknowledged);
    await again.close();
  }));

test("without its server appends are refused with a way on, and go on when it is back", () =>
  withStore(async ({ journal, snapshots }) => {
    good(await journal.append(0, records(2)));
    await server.kill();
    await sleep(50);
    for (let at = 0; at < 2; at++) {
      const refusal = refused(await journal.append(2, records(1, 3)), "STORE_UNREACHABLE");
      assert.match(refusal.hint, /goes on by itself/);
    }
    refused(await journal.read({ afterSeq: 0, limit: 1 }), "STORE_UNREACHABLE");
    refused(await snapshots.latest(), "STORE_UNREACHABLE");
    const bytes = new Uint8Array(1);
    refused(await snapshots.put({ seq: 1, formatVersion: 1, bytes }), "STORE_UNREACHABLE");
    assert.equal(journal.head().seq, 2);
    await server.start();
    assert.equal(good(await journal.append(2, records(1, 3))).seq, 3);
    assert.equal(good(await journal.verify()).seq, 3);
  }));

test("a read-only server refuses appends and opening; back to normal, the store works", () =>
  withStore(async ({ journal }, schema, folder) => {
    good(await journal.append(0, records(1)));
    const set = async (value: string) => {
      await server.sql(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
      await server.sql("SELECT pg_reload_conf()");
      await sleep(200);
    };
    await set("on");
    const refusal = refused(await journal.append(1, records(1, 2)), "STORE_UNWRITABLE");
    assert.match(refusal.message, /read-only/);
    const other = { url: server.url, folder, schema: `${schema}_other` };
    refused(await openPostgresStore(other), "STORE_UNWRITABLE");
    assert.equal(journal.head().seq, 1);
    await server.sql("ALTER SYSTEM RESET ALL");
    await server.sql("SELECT pg_reload_conf()");
    await sleep(200);
    assert.equal(good(await journal.append(1, records(1, 2))).seq, 2);
  }));

test("a server without free connections refuses opening by name and never the password", () =>
  withPlace(async (folder) => {
    await server.sql("CREATE ROLE member LOGIN PASSWORD 'geheim' CREATEDB");
    await server.sql("CREATE DATABASE small OWNER member");
    const url = server.url.replace("postgres@", "member:geheim@").replace(/postgres$/, "small");
    const idle: Client[] = [];
    try {
      for (let at = 0; at < 9; at++) {
        const client = new Client({ connectionString: url });
        await client.connect();
        idle.push(client);
      }
      const full = refused(await openPostgresStore({ url, folder }), "STORE_UNREACHABLE");
      assert.match(full.message, /no connection left/);
      assert.match(full.hint, /max_connections/);
    } finally {
      for (const client of idle) await client.end();
    }
    const wrong = await openPostgresStore({ url: url.replace("small", "nowhere"), folder });
    refused(wrong, "STORE_UNWRITABLE");
    const away = await openPostgresStore({ url: url.replace(/:\d+\//, ":1/"), folder });
    refused(away, "STORE_UNREACHABLE");
    const bad = await openPostgresStore({ url: url.replace("127.0.0.1", "[geheim"), folder });
    refused(bad, "INVALID_REQUEST");
    assert.ok(!JSON.stringify([wrong, away, bad]).includes("geheim"));
    const store = good(await openPostgresStore({ url, folder }));
    good(await store.journal.append(0, records(1)));
    await store.close();
  }));

test("the address may name a socket's folder", () =>
  withStore(async ({ journal }) => {
    assert.equal(good(await journal.append(0, records(3))).seq, 3);
  }, server.socketUrl));

test("a leader that lost its session comes back by itself while nobody took its place", () =>
  withStore(async ({ journal }, schema) => {
    good(await journal.append(0, records(1)));
    await server.sql(lead(schema));
    assert.equal(good(await journal.append(1, records(1, 2))).seq, 2);
  }));

test("a leader whose place was taken never appends again and says so", () =>
  withStore(async (old, schema, folder) => {
    good(await old.journal.append(0, records(1)));
    await server.sql(lead(schema));
    const next = good(await openPostgresStore({ url: server.url, folder, schema }));
    good(await next.journal.append(1, records(1, 2)));
    refused(await old.journal.append(1, records(1, 2)), "STORE_DEPOSED");
    assert.equal((await old.deposed).code, "STORE_DEPOSED");
    const bytes = new Uint8Array(1);
    refused(await old.snapshots.put({ seq: 1, formatVersion: 1, bytes }), "STORE_DEPOSED");
    refused(await old.journal.append(1, records(1, 2)), "STORE_DEPOSED");
    await assertWhole(next, 2);
    await next.close();
  }));

test("a new epoch stops a leader whose session still stands, in the very same append", () =>
  withStore(async ({ journal, deposed }, schema) => {
    good(await journal.append(0, records(1)));
    await server.sql(`UPDATE ${schema}.leader SET epoch = epoch + 1, holder = 'another'`);
    refused(await journal.append(1, records(1, 2)), "STORE_DEPOSED");
    assert.equal((await deposed).code, "STORE_DEPOSED");
    const [row] = await server.sql(`SELECT count(*)::int AS count FROM ${schema}.journal`);
    assert.equal(row?.count, 1);
  }));

test("an append whose answer was lost is looked up and not made twice", async () => {
  const relay = await openRelay(server.port);
  const url = server.url.replace(/:\d+\//, `:${relay.port}/`);
  await withStore(async (store) => {
    const { journal } = store;
    good(await journal.append(0, records(2)));
    relay.swallow();
    const waiting = journal.append(2, records(2, 3));
    await sleep(300);
    relay.cut(); // The server keeps the lost session, and with it the lock.
    relay.mend();
    assert.equal(good(await waiting).seq, 4);
    assert.equal(good(await journal.append(4, records(1, 5))).seq, 5);
    await assertWhole(store, 5);
  }, url);
  await relay.close();
});

test("an append that was kept but had to be refused is taken back later", async () => {
  const relay = await openRelay(server.port);
  const url = server.url.replace(/:\d+\//, `:${relay.port}/`);
  await withStore(async (store, schema) => {
    const { journal } = store;
    good(await journal.append(0, records(2)));
    relay.swallow();
    const waiting = journal.append(2, records(2, 100));
    await sleep(300);
    relay.cut();
    refused(await waiting, "STORE_UNREACHABLE");
    const [kept] = await server.sql(`SELECT count(*)::int AS count FROM ${schema}.journal`);
    assert.equal(kept?.count, 4);
    relay.mend();
    assert.equal(good(await journal.append(2, records(1, 3))).seq, 3);
    await assertWhole(store, 3);
  }, url);
  await relay.close();
});
