// Where a command looks for its pool, and the context file that `tequio up` leaves.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { contextPath, findPool, URL_DEFAULT, writeContext } from "./connection.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-cli-"));
after(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
function outside(env: Readonly<Record<string, string>> = {}) {
  folders += 1;
  const home = join(root, `home${folders}`);
  const cwd = join(root, `cwd${folders}`);
  for (const folder of [home, cwd]) mkdirSync(folder);
  return { env, home, cwd };
}

test("flags go over the environment, that over the context file", () => {
  const env = { TEQUIO_URL: "http://env:1", TEQUIO_TOKEN: "env" };
  const place = outside(env);
  writeContext(place, { url: "http://file:1", token: "file" });
  assert.deepEqual(findPool({ url: "http://flag:1", token: "flag" }, place), {
    ...{ url: "http://flag:1", token: "flag", from: "flags" },
  });
  assert.deepEqual(findPool({}, place), {
    ...{ url: "http://env:1", token: "env", from: "environment" },
  });
  assert.deepEqual(findPool({}, { ...place, env: {} }), {
    ...{ url: "http://file:1", token: "file", from: "context file" },
  });
});

test("a token from the context file goes only to the address that it belongs to", () => {
  const place = outside();
  writeContext(place, { url: "http://file:1/", token: "file" });
  assert.equal(findPool({ url: "http://other:1" }, place).token, undefined);
  assert.equal(findPool({ url: "http://file:1" }, place).token, "file");
});

test("without anything it is the default address with the token of a pool in this folder", () => {
  const place = outside();
  assert.deepEqual(findPool({}, place), { url: URL_DEFAULT, from: "default" });
  const secrets = join(place.cwd, ".tequio", "pool", "secrets");
  mkdirSync(secrets, { recursive: true });
  writeFileSync(join(secrets, "admin-token"), "tq_local\n");
  assert.deepEqual(findPool({}, place), { url: URL_DEFAULT, token: "tq_local", from: "default" });
});

test("a damaged context file is as good as none", () => {
  const place = outside();
  writeContext(place, { url: "http://file:1", token: "file" });
  writeFileSync(contextPath(place), "{");
  assert.equal(findPool({}, place).from, "default");
  writeFileSync(contextPath(place), '{"url":5}');
  assert.equal(findPool({}, place).from, "default");
});

test("the context file can be read by its owner only, also when it was open before", () => {
  const place = outside({ XDG_CONFIG_HOME: join(root, "xdg") });
  const path = writeContext(place, { url: "http://file:1", token: "file" });
  assert.equal(path, join(root, "xdg", "tequio", "context.json"));
  chmodSync(path, 0o644);
  writeContext(place, { url: "http://file:2", token: "file" });
  assert.equal(statSync(path).mode & 0o777, 0o600);
});
