// The change of a key on the agent's own disk: when it is due, and that no crash leaves the folder
// without a key that the pool takes.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newKeyText } from "@tequio/contract";
import { publicKeyOf, readOrMakeKey } from "./folder.ts";
import { isKeyDue, KEY_AGE_MAX_MS, proposeNextKey, takeNextKey, wishNewKey } from "./rotation.ts";
import { testFolder } from "./testing/setup.ts";

const SITE = { poolId: "p", siteId: "s" };

test("a key is due when somebody wishes it or it has grown old", (t) => {
  const folder = testFolder(t);
  assert.equal(isKeyDue(folder, Number.MAX_SAFE_INTEGER), false, "there is no key yet");
  readOrMakeKey(folder);
  const madeMs = statSync(join(folder, "key.pem")).mtimeMs;
  assert.equal(isKeyDue(folder, madeMs + KEY_AGE_MAX_MS - 1_000), false);
  assert.equal(isKeyDue(folder, madeMs + KEY_AGE_MAX_MS + 1_000), true);
  wishNewKey(folder);
  assert.equal(isKeyDue(folder, madeMs), true);
});

test("the old key stays until the pool has the new one, and one is proposed at a time", (t) => {
  const folder = testFolder(t);
  const old = publicKeyOf(readOrMakeKey(folder));
  wishNewKey(folder);
  const first = proposeNextKey(folder, SITE);
  assert.deepEqual(proposeNextKey(folder, SITE), first, "asked again after a crash");
  assert.equal(publicKeyOf(readOrMakeKey(folder)), old);
  assert.equal(isKeyDue(folder, 0), true);
  assert.equal(takeNextKey(folder, old), undefined);
  assert.ok(first.type === "newKey");
  const key = takeNextKey(folder, first.publicKey);
  assert.ok(key !== undefined && publicKeyOf(key) === first.publicKey);
  assert.equal(publicKeyOf(readOrMakeKey(folder)), first.publicKey);
  assert.ok(!existsSync(join(folder, "key.next.pem")));
  assert.equal(statSync(join(folder, "key.pem")).mode & 0o077, 0);
  assert.equal(isKeyDue(folder, Date.now()), false);
  assert.equal(takeNextKey(folder, first.publicKey), undefined, "said twice");
});

test("a proposal is signed by the new key, over this pool and this site", (t) => {
  const folder = testFolder(t);
  const proposed = proposeNextKey(folder, SITE);
  assert.ok(proposed.type === "newKey");
  const { publicKey, signature } = proposed;
  const der = Buffer.from(publicKey, "base64");
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  const signed = (text: string) =>
    verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
  assert.ok(signed(newKeyText("p", "s", publicKey)));
  assert.ok(!signed(newKeyText("p", "t", publicKey)));
  assert.doesNotMatch(publicKey, /PRIVATE/);
  assert.match(readFileSync(join(folder, "key.next.pem"), "utf8"), /PRIVATE/);
});
