// What a people store promises, shown with the file; the same suite runs on a real PostgreSQL
// server in people-store.real.ts.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { good } from "../testing/setup.ts";
import { peopleStoreSuite } from "./conformance.testing.ts";
import { openSqlitePeople, PEOPLE_FILE, readSqlitePeople } from "./sqlite.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tequio-people-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

peopleStoreSuite("a file", async (t) => {
  const folder = folderOf(t);
  return async () => good(await openSqlitePeople(folder));
});

test("the people's file is its owner's alone and keeps nothing of who was removed", async (t) => {
  const folder = folderOf(t);
  const people = good(await openSqlitePeople(folder));
  const path = join(folder, PEOPLE_FILE);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const email = "ana-to-be-forgotten@example.org";
  await people.people.save({ userId: "u1", email, displayName: null, groups: null });
  await people.forget("u1");
  await people.close();
  assert.equal(readFileSync(path).includes(email), false);
});

test("a folder without people has none, and one with damage is refused", async (t) => {
  const folder = folderOf(t);
  assert.equal(good(await readSqlitePeople(folder)), undefined);
  writeFileSync(join(folder, PEOPLE_FILE), "this is no database, whatever its name may say");
  const opened = await openSqlitePeople(folder);
  assert.equal(opened.ok ? "" : opened.code, "STORE_UNWRITABLE");
});
