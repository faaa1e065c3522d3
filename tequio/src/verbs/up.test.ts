// `tequio up` and `tequio agent` as real processes: one machine, its own member, and what becomes
// of a job when the control plane is stopped or killed.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeClient } from "@tequio/contract";
import { type Process, runTequio, startTequio, until } from "../testing/real-pool.ts";
import { memberNameOf } from "./up-members.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-up-"));
const home = join(root, "home");
const data = join(root, "pool");
const running = new Set<Process>();

afterEach(async () => {
  for (const { child, ended } of running) {
    child.kill("SIGINT");
    await ended;
  }
  running.clear();
});
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

async function up(port = "0"): Promise<{ process: Process; url: string; token: string }> {
  const args = ["up", "--json", "--no-open", "--data", data, "--port", port];
  const process = startTequio(home, args);
  running.add(process);
  const ready = await process.line;
  assert.equal(ready.ready, true, JSON.stringify(ready));
  return { process, url: String(ready.url), token: String(ready.token) };
}

async function stop(process: Process, signal: "SIGINT" | "SIGTERM" | "SIGKILL") {
  process.child.kill(signal);
  running.delete(process);
  return process.ended;
}

test("up lends this machine; jobs survive a killed control plane; Ctrl-C ends them", async () => {
  const first = await up();
  const context = readFileSync(join(home, "tequio", "context.json"), "utf8");
  assert.deepEqual(JSON.parse(context), { url: first.url, token: first.token });

  // The context file is all that another terminal needs.
  const quick = await runTequio(home, ["submit", "--follow", "--shell", "echo hello; exit 3"]);
  assert.deepEqual([quick.code, quick.out], [3, "hello\n"], quick.errors);

  const gate = join(root, "gate");
  const long = `until [ -e ${gate} ]; do sleep 0.1; done; echo through`;
  const sent = await runTequio(home, ["submit", "--json", "--shell", long]);
  const { id } = JSON.parse(sent.out) as { id: string };
  const client = makeClient(first);
  const state = async () => {
    const job = await client.call("getJob", { params: { id } });
    return job.ok ? job.value : undefined;
  };
  await until("the job runs", async () => (await state())?.state === "running");
  await stop(first.process, "SIGKILL");

  const second = await up(new URL(first.url).port);
  await until("the member is back", async () => {
    const members = await client.call("listMembers", {});
    return members.ok && members.value.rows[0]?.sites[0]?.state === "here";
  });
  assert.equal((await state())?.attempt, 1, "the job is the one that ran before");
  assert.equal((await runTequio(home, ["submit", "--shell", `touch ${gate}`])).code, 0);
  await until("the job ends well", async () => (await state())?.outcome === "completed");

  const endless = join(root, "endless");
  const stuck = `trap 'echo asked > ${endless}; exit 0' TERM; touch ${endless}.on; sleep 60 & wait`;
  await runTequio(home, ["submit", "--shell", stuck]);
  await until("it has started", async () => existsSync(`${endless}.on`));
  assert.equal(await stop(second.process, "SIGINT"), 0);
  assert.equal(existsSync(endless), true, "Ctrl-C asks the jobs of this machine to end");
});

test("a second control plane is refused by its port, and by its data folder", async () => {
  const { url } = await up();
  const { port } = new URL(url);
  const taken = await runTequio(home, ["up", "--json", "--data", join(root, "b"), "--port", port]);
  assert.equal(taken.code, 7);
  const refusal = JSON.parse(taken.out) as Record<string, string>;
  assert.deepEqual([refusal.code, refusal.hint?.includes("--port")], ["PORT_TAKEN", true]);
  const locked = await runTequio(home, ["up", "--data", data, "--port", "0"]);
  assert.deepEqual([locked.code, locked.out], [7, ""]);
  assert.match(locked.errors, /error STORE_LOCKED/);
});

test("up ends with its standard input when it is asked to", async () => {
  const own = ["--no-member", "--json", "--end-with-stdin", "--port", "0"];
  const process = startTequio(home, ["up", ...own, "--data", join(root, "c")]);
  await process.line;
  await sleep(50);
  assert.equal(process.child.exitCode, null);
  process.child.stdin?.end();
  assert.equal(await process.ended, 0);
});

test("an agent without a site or a good token is refused in a moment", async () => {
  const none = await runTequio(home, ["agent", "--json", "--folder", join(root, "d")]);
  assert.equal(none.code, 4);
  assert.equal((JSON.parse(none.out) as { code: string }).code, "NOT_FOUND");
  const bad = await runTequio(home, ["agent", "--join", "nonsense", "--folder", join(root, "d")]);
  assert.equal(bad.code, 5);
  assert.match(bad.errors, /error UNAUTHENTICATED/);
  assert.ok(memberNameOf() !== "");
});
