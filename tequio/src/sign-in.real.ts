// People of a pool on a real PostgreSQL: they move there with the pool, and a control plane on
// another machine that takes over knows them, with their passwords and their sessions.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeClient } from "@tequio/contract";
import { type PostgresServer, startPostgres } from "@tequio/stores/conformance";
import { type Process, runTequio, startTequio } from "./testing/real-pool.ts";

const PASSWORD = "ten copper kettles whisper";
const root = mkdtempSync(join(tmpdir(), "tequio-people-"));
const home = join(root, "home");
const running = new Set<Process>();
let server: PostgresServer | undefined;
before(async () => {
  server = await startPostgres();
});
after(async () => {
  for (const { child, ended } of running) {
    child.kill("SIGKILL");
    await ended;
  }
  await server?.remove();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

async function up(data: string, ...more: string[]) {
  const args = ["up", "--no-member", "--no-open", "--json", "--port", "0", "--data", data];
  const process = startTequio(home, [...args, ...more]);
  running.add(process);
  const ready = await process.line;
  assert.equal(ready.ready, true, JSON.stringify(ready));
  return { process, url: String(ready.url), token: String(ready.token) };
}

async function stop(process: Process, signal: "SIGINT" | "SIGKILL"): Promise<void> {
  process.child.kill(signal);
  running.delete(process);
  await process.ended;
}

/** Signs in by password, for a command line. */
async function signIn(url: string) {
  const body = { user: "ana", password: PASSWORD, want: "token" as const };
  const reply = await makeClient({ url }).call("signInPassword", { body });
  assert.ok(reply.ok, JSON.stringify(reply));
  return reply.value.token ?? "";
}

const nameOf = async (url: string, token: string): Promise<string> => {
  const me = await makeClient({ url, token }).call("whoami", {});
  return me.ok ? me.value.name : me.code;
};

test("people move into the database, and whoever takes over there knows them", async () => {
  const first = await up(join(root, "one"));
  const operator = makeClient(first);
  await operator.call("setUser", { params: { name: "ana" }, body: {} });
  const link = await operator.call("inviteUser", { params: { name: "ana" }, body: {} });
  assert.ok(link.ok);
  const invite = link.value.url.slice(link.value.url.lastIndexOf("/") + 1);
  const set = { invite, password: PASSWORD, want: "token" as const };
  const begun = await makeClient(first).call("invitePassword", { body: set });
  assert.ok(begun.ok);
  const old = begun.value.token ?? "";
  await stop(first.process, "SIGINT");

  const url = server!.url;
  const from = ["store", "copy", join(root, "one"), url, "--data", join(root, "two")];
  const copied = await runTequio(home, from);
  assert.equal(copied.code, 0, copied.errors);
  const second = await up(join(root, "two"), "--store", url);
  assert.equal(await nameOf(second.url, old), "ana", "a session moves along");
  const fresh = await signIn(second.url);
  await stop(second.process, "SIGKILL");

  // Another machine: nothing of the first one's data folder is there.
  const third = await up(join(root, "three"), "--store", url, "--standby");
  const deadline = Date.now() + 20_000;
  let name = "";
  while (name !== "ana" && Date.now() < deadline) {
    name = await nameOf(third.url, fresh);
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.equal(name, "ana", "sessions go on at the one that takes over");
  await signIn(third.url);
});
