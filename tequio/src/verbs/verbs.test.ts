// The composition root's own verbs, as far as they need no running pool: codes, names, folders,
// checks, and how quickly the program starts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { EXIT, exitCodeOf, type Shell, type Terminal } from "@tequio/cli";
import { CODES, type Code } from "@tequio/core/pool";
import { acceleratorText, type Check, runChecks } from "./doctor-checks.ts";
import { makeFolder, whyUnwritable } from "./folder.ts";
import { memberFolder, memberNameOf } from "./up-members.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-verbs-"));
after(() => rmSync(root, { recursive: true, force: true }));
const MAIN = new URL("../main.ts", import.meta.url).pathname;

test("every code of the pool ends in the exit code that its HTTP status calls for", () => {
  const byStatus: Readonly<Record<number, number>> = {
    401: EXIT.NOT_ALLOWED,
    403: EXIT.NOT_ALLOWED,
    404: EXIT.NOT_FOUND,
    421: EXIT.UNREACHABLE,
  };
  for (const [code, { status }] of Object.entries(CODES) as [Code, { status: number }][]) {
    if (code === "USAGE") continue;
    const exit = exitCodeOf(code);
    if (status < 500) assert.equal(exit, byStatus[status] ?? EXIT.REFUSED, code);
    else assert.ok(![EXIT.OK, EXIT.USAGE, EXIT.REFUSED].includes(exit as never), code);
  }
});

test("the host's name becomes a name that the pool takes", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["node7.example.org", "node7"],
    ["Büro PC!", "B-ro-PC"],
    ["---", "this-machine"],
    ["", "this-machine"],
    ["x".repeat(80), "x".repeat(63)],
  ];
  for (const [host, name] of cases) assert.equal(memberNameOf(host), name);
  assert.equal(memberFolder("/a/.tequio/pool", "n"), "/a/.tequio/members/n");
});

test("a folder is made with its parents for its owner only", () => {
  const path = join(root, "a", "b");
  assert.equal(makeFolder(path, "--data").ok, true);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(makeFolder(path, "--data").ok, true);
  assert.equal(whyUnwritable(join(path, "not", "yet")), undefined);
});

test("a folder that cannot be had is refused with the flag that names another", () => {
  const file = join(root, "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "below"), "/proc/nothing/here"]) {
    const made = makeFolder(path, "--data");
    assert.ok(!made.ok, path);
    assert.equal(made.code, "STORE_UNWRITABLE");
    assert.match(made.hint, /--data/);
  }
  chmodSync(file, 0o700);
  assert.equal(whyUnwritable(file), "not a folder");
});

test("accelerators are counted by product", () => {
  const gpu = { kind: "gpu" as const, vendor: "AMD", model: "MI300X", memoryMiB: 196_608 };
  const base = { name: "n", os: "linux", arch: "x64", milliCpu: 1, memoryMiB: 1, labels: {} };
  const node = { ...base, accelerators: ["a", "b"].map((id) => ({ id, ...gpu })) };
  assert.equal(acceleratorText([node]), "2x GPU AMD MI300X (192 GiB)");
  assert.equal(acceleratorText([]), "none");
});

async function check(flags: { readonly url?: string; readonly data?: string }): Promise<Check[]> {
  const env = { XDG_CONFIG_HOME: join(root, "config") };
  const terminal = { env, home: root, cwd: root, nowMs: Date.now } as unknown as Terminal;
  const { url, data = "data" } = flags;
  const globals = () => ({ json: false, ...(url === undefined ? {} : { url }) });
  const shell = { terminal, version: "1.2.3", globals } as unknown as Shell;
  return [...(await runChecks({ data, port: 0 }, shell))];
}

test("doctor finds this machine fit, and leaves the data folder unmade", async () => {
  const checks = await check({ url: "http://127.0.0.1:1" });
  const state = (name: string) => checks.find((one) => one.name === name)?.state;
  for (const name of ["Node", "Machine", "Accelerators", "Port"]) assert.equal(state(name), "ok");
  // Somebody named an address, so no pool there is a failure.
  assert.equal(state("Pool"), "fail");
  assert.throws(() => statSync(join(root, "data")));
  for (const one of checks) assert.equal(one.hint === undefined, one.state === "ok", one.name);
});

test("doctor fails on a data folder that cannot be used", async () => {
  const file = join(root, "plain");
  writeFileSync(file, "");
  const folder = (await check({ data: file })).find(({ name }) => name === "Data folder");
  assert.deepEqual([folder?.state, folder?.found.includes("not a folder")], ["fail", true]);
});

test("a start that asks for nothing loads neither schemas nor tables nor the server", () => {
  const hook = join(root, "hook.mjs");
  writeFileSync(
    hook,
    `import { registerHooks } from "node:module";
     const load = (url, context, next) => (console.error(url), next(url, context));
     registerHooks({ load });`,
  );
  const run = spawnSync(process.execPath, ["--import", hook, MAIN, "--version"]);
  assert.match(String(run.stdout), /^\d+\.\d+\.\d+\n$/);
  const loaded = String(run.stderr).split("\n");
  assert.ok(loaded.some((url) => url.endsWith("/cli/src/program.ts")));
  const heavy = /\/(zod|yaml|fastify|cli-table3|contract|server|agent|trainer|verbs)\//;
  assert.deepEqual(
    loaded.filter((url) => heavy.test(url)),
    [],
  );
});
