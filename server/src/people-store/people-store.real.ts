// The people store on a real PostgreSQL server: the same suite as with the file, copies from the
// one to the other and back, and a server that goes away.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { type PostgresServer, startPostgres } from "@tequio/stores/conformance";
import { openPostgresSql, openPostgresStore } from "@tequio/stores/postgres";
import { good } from "../testing/setup.ts";
import { peopleStoreSuite } from "./conformance.testing.ts";
import type { PeopleStore } from "./port.ts";
import { openSqlitePeople } from "./sqlite.ts";
import { copyPeople, openPeople, PeopleStoreError } from "./store.ts";

let server: PostgresServer | undefined;
let databases = 0;

before(async () => {
  server = await startPostgres();
});
after(() => server?.remove());

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tequio-people-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Address of a new database with a pool's tables in it. */
async function database(t: TestContext): Promise<string> {
  assert.ok(server !== undefined);
  databases += 1;
  const name = `people_${databases}`;
  await server.sql(`CREATE DATABASE ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const store = good(await openPostgresStore({ url: url.href, folder: folderOf(t) }));
  await store.close();
  return url.href;
}

const open = async (url: string): Promise<PeopleStore> =>
  openPeople(good(openPostgresSql(url, (refusal) => new PeopleStoreError(refusal))));

peopleStoreSuite("PostgreSQL", async (t) => {
  const url = await database(t);
  return () => open(url);
});

test("people move from a file to a database and back without loss", async (t) => {
  const from = good(await openSqlitePeople(folderOf(t)));
  for (let i = 0; i < 50; i += 1) {
    const userId = `u${String(i).padStart(2, "0")}`;
    await from.people.save({ userId, email: `${i}@x.test`, displayName: null, groups: i % 3 });
    await from.passwords.save({ userId, hash: `$argon2id$${i}`, changedAtMs: 2 ** 42 + i });
  }
  const there = await open(await database(t));
  const back = good(await openSqlitePeople(folderOf(t)));
  assert.equal(await copyPeople(from, there), 100);
  assert.equal(await copyPeople(there, back), 100);
  assert.deepEqual(await back.people.find({}), await from.people.find({}));
  assert.deepEqual(await back.passwords.find({}), await from.passwords.find({}));
  for (const people of [from, there, back]) await people.close();
});

test("a database that is away is a refusal, and is used again when it is back", async (t) => {
  const people = await open(await database(t));
  t.after(() => people.close());
  await people.people.save({ userId: "u1", email: null, displayName: null, groups: null });
  await server!.kill();
  await assert.rejects(people.people.find({}), (error: { refusal?: { code?: string } }) => {
    assert.equal(error.refusal?.code, "STORE_UNREACHABLE");
    return true;
  });
  await server!.start();
  assert.equal((await people.people.find({})).length, 1);
});
