// The suite that every people store passes. `openTwice` gives a way to open the same store again.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { PeopleStore } from "./port.ts";
import { openSqlitePeople } from "./sqlite.ts";
import { copyPeople } from "./store.ts";

export type Reopen = () => Promise<PeopleStore>;

const PASSKEY = {
  ...{ passkeyId: "cred", userId: "u1", name: "blue key", publicKey: "a2V5", counter: 7 },
  ...{ transports: "usb,nfc", synced: 1, createdAtMs: 1_763_000_000_123, lastUsedMs: null },
};

/** Runs the suite; `make` prepares an empty place for each test. */
export function peopleStoreSuite(name: string, make: (t: TestContext) => Promise<Reopen>): void {
  test(`${name} gives back every row as it was saved, also after it was closed`, async (t) => {
    const open = await make(t);
    const first = await open();
    const person = { userId: "u1", email: "a@b.test", displayName: "Ünal 'x'", groups: 0 };
    const identity = { issuer: "https://i", subject: "s'; --", userId: "u1", salt: "salt" };
    await first.people.save(person);
    await first.identities.save(identity);
    await first.passkeys.save(PASSKEY);
    await first.close();
    const again = await open();
    t.after(() => again.close());
    assert.deepEqual(await again.people.find({ userId: "u1" }), [person]);
    assert.deepEqual(await again.identities.find({ issuer: "https://i", subject: "s'; --" }), [
      identity,
    ]);
    assert.deepEqual(await again.passkeys.find({ userId: "u1" }), [PASSKEY]);
    assert.deepEqual(await again.passkeys.find({ userId: "u2" }), []);
  });

  test(`${name} replaces the row with the same key`, async (t) => {
    const people = await (await make(t))();
    t.after(() => people.close());
    await people.passwords.save({ userId: "u1", hash: "one", changedAtMs: 1 });
    await people.passwords.save({ userId: "u1", hash: "two", changedAtMs: 2 });
    assert.deepEqual(await people.passwords.find({}), [
      { userId: "u1", hash: "two", changedAtMs: 2 },
    ]);
  });

  test(`${name} gives what is taken to one of many takers only`, async (t) => {
    const people = await (await make(t))();
    t.after(() => people.close());
    await people.invites.save({ userId: "u1", hash: "h", expiresAtMs: 5 });
    const takers = await Promise.all([1, 2, 3, 4].map(() => people.invites.take({ hash: "h" })));
    assert.equal(takers.flat().length, 1);
    assert.deepEqual(await people.invites.find({}), []);
  });

  test(`${name} forgets everything of one user and nothing of another`, async (t) => {
    const people = await (await make(t))();
    t.after(() => people.close());
    for (const userId of ["u1", "u2"]) {
      await people.people.save({ userId, email: null, displayName: null, groups: null });
      await people.identities.save({ issuer: "i", subject: userId, userId, salt: "s" });
      await people.passwords.save({ userId, hash: "h", changedAtMs: 1 });
      await people.passkeys.save({ ...PASSKEY, passkeyId: userId, userId });
      await people.invites.save({ userId, hash: userId, expiresAtMs: 1 });
      await people.sessions.save({
        ...{ sessionId: userId, userId, how: "oidc", agent: "", idleMs: 1, lastUsedMs: 1 },
      });
    }
    await people.forget("u1");
    const left = await Promise.all([
      people.people.find({}),
      people.identities.find({}),
      people.passwords.find({}),
      people.passkeys.find({}),
      people.invites.find({}),
      people.sessions.find({}),
    ]);
    assert.deepEqual(
      left.map((rows) => rows.map(({ userId }) => userId)),
      Array.from({ length: 6 }, () => ["u2"]),
    );
  });

  test(`${name} takes a copy of another one, row by row`, async (t) => {
    const from = await (await make(t))();
    await from.passkeys.save(PASSKEY);
    await from.people.save({ userId: "u1", email: "e", displayName: null, groups: 3 });
    const rows = await from.passkeys.find({});
    const folder = mkdtempSync(join(tmpdir(), "tequio-people-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const to = await openSqlitePeople(folder);
    assert.ok(to.ok);
    assert.equal(await copyPeople(from, to.value), 2);
    assert.deepEqual(await to.value.passkeys.find({}), rows);
    await from.close();
    await to.value.close();
  });
}
