// The published package as a user has it: packed, installed into an empty folder by npm, and used
// there with nothing but Node. Needs npm and a registry.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** npm fetches 130 packages. */
const INSTALL_WAIT_MS = 300_000;
/** A verb, on a busy machine. */
const VERB_WAIT_MS = 60_000;
/** A job from its submission to its end, and a small training of two rounds. */
const JOB_WAIT_MS = 120_000;

const ROOT = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "tequio-packed-"));
const started = new Set<ChildProcess>();
/** As a user's shell: nothing of npm's own run, no context file of this machine's user. */
const env = {
  PATH: `${join(process.execPath, "..")}:${process.env.PATH}`,
  HOME: process.env.HOME ?? folder,
  XDG_CONFIG_HOME: join(folder, "home"),
  NO_COLOR: "1",
};

before(() => {
  const options = { encoding: "utf8", timeout: INSTALL_WAIT_MS } as const;
  const made = execFileSync(process.execPath, [join(ROOT, "tools", "pack.ts"), folder], options);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  // The native kernels would fetch CUDA on top; trainings fall back to WebAssembly without them.
  const own = { ...process.env, npm_config_onnxruntime_node_install: "skip" };
  // By word: npm tells what it runs which folder is its own, and that is this repository.
  const args = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", made.trim()];
  execFileSync("npm", args, { ...options, cwd: folder, env: own });
});

after(async () => {
  for (const child of started) {
    const ended = new Promise((done) => child.once("exit", done));
    if (child.exitCode === null && child.kill("SIGTERM")) await ended;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const program = join(folder, "node_modules", ".bin", "tequio");

/** Runs a verb to its end; gives what it wrote. Throws when it fails. */
const tequio = (...args: string[]): string =>
  execFileSync(program, args, { cwd: folder, env, encoding: "utf8", timeout: VERB_WAIT_MS });

test("the installed program says its version, and simulates on several threads", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  assert.equal(tequio("--version").trim(), version);
  const npx = ["--no-install", "tequio", "--version"];
  assert.equal(execFileSync("npx", npx, { cwd: folder, env, encoding: "utf8" }).trim(), version);
  assert.match(tequio("simulate", "--faults", "--seeds", "1..4", "--jobs", "2"), /4/);
});

test("there is no TypeScript to run in it, and what it says of itself is there", () => {
  const home = join(folder, "node_modules", "tequio");
  const found = execFileSync("find", [home, "-name", "*.ts", "-not", "-name", "*.d.ts"]);
  assert.equal(String(found), "");
  const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  for (const name of Object.keys(manifest.dependencies)) assert.doesNotMatch(name, /tequio/);
  for (const paper of ["README.md", "LICENSE", "NOTICE"]) readFileSync(join(home, paper));
});

async function up(): Promise<{ readonly url: string; readonly token: string }> {
  const flags = ["--json", "--no-open", "--port", "0", "--data", join(folder, "pool")];
  const child = spawn(program, ["up", ...flags], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", 2],
  });
  started.add(child);
  let out = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  const giveUpAt = Date.now() + VERB_WAIT_MS;
  while (!out.includes("\n")) {
    assert.ok(child.exitCode === null && Date.now() < giveUpAt, `not up: ${out}`);
    await sleep(50);
  }
  const ready = JSON.parse(out.split("\n")[0] ?? "");
  assert.equal(ready.ready, true, out);
  return ready;
}

async function ended(id: string): Promise<string> {
  for (const giveUpAt = Date.now() + JOB_WAIT_MS; Date.now() < giveUpAt; await sleep(300)) {
    const { state, outcome } = JSON.parse(tequio("job", id, "--json"));
    if (state === "ended") return outcome;
  }
  return `not ended: ${tequio("why", id)} ${tequio("logs", id)}`;
}

test("a pool starts from it with its console, runs a job and trains", async () => {
  const { url } = await up();
  const page = await fetch(url);
  assert.match(await page.text(), /<script type="module"/);
  const job = JSON.parse(tequio("submit", "--json", "--", "sh", "-c", "echo hello from $0"));
  assert.equal(await ended(String(job.id)), "completed");
  assert.equal(tequio("logs", String(job.id)), "hello from sh\n");

  const model = { context: 16, width: 16, layers: 1, heads: 1 };
  const run = { corpus: "sotu", model, innerSteps: 5, stop: { rounds: 2 } };
  writeFileSync(join(folder, "run.json"), JSON.stringify({ name: "small", run }));
  const training = JSON.parse(tequio("submit", "run.json", "--json"));
  assert.equal(await ended(String(training.id)), "completed");
});

test("a program in TypeScript uses the client with its types", () => {
  const use = `import { makeClient, type JobView } from "tequio";
    const client = makeClient({ url: "http://127.0.0.1:1", token: "t" });
    export const first = async (): Promise<JobView | undefined> => {
      const jobs = await client.call("listJobs", {});
      return jobs.ok ? jobs.value.rows[0] : undefined;
    };
    // @ts-expect-error: no such endpoint
    export const wrong = () => client.call("listNothing", {});`;
  writeFileSync(join(folder, "use.ts"), use);
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
  const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules", "@types")];
  execFileSync(process.execPath, [compiler, ...flags, ...types, "use.ts"], { cwd: folder });
  const script = 'import("tequio").then(({ makeClient }) => console.log(typeof makeClient))';
  const said = execFileSync(process.execPath, ["-e", script], { cwd: folder, encoding: "utf8" });
  assert.equal(said, "function\n");
});
