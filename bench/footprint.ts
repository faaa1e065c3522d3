// What Tequio takes when nothing goes on: memory of an idle control plane and of an idle agent with
// all processes that it has, of one lease's supervisor, the time of a command that only starts, and
// the compressed bytes of the console's first load. A Node that does nothing stands beside.
// Usage: npm run -s bench:footprint -- [--no-record]
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import {
  type BenchPool,
  cpuSecondsOf,
  residentBytesOf,
  residentBytesOfTree,
  startPool,
} from "./lib/pool.ts";
import { record } from "./record.ts";

const { values } = parseArgs({ options: { "no-record": { type: "boolean", default: false } } });

/** After this long nothing of the start is left to be done. */
const SETTLE_MS = 20_000;
/** A job has started well before, and a process that does nothing has settled. */
const JOB_MS = 5_000;
const CLI_RUNS = 21;
/** GNU time reports processor seconds in hundredths; the shell's own does so in milliseconds. */
const SHELL = "/bin/bash";

const main = fileURLToPath(import.meta.resolve("tequio/bin/tequio.js"));
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

interface IdleAgent {
  /** Of the agent and whatever it has started. */
  readonly bytes: number;
  readonly cores: number;
  /** What one lease adds beside its job: its supervisor, with the shell that watches over it. */
  readonly supervisorBytes: number;
  /** Of the agent when its first job is over. */
  readonly afterBytes: number;
}

/** Memory of a Node that only waits: the floor of every process here. */
async function plainNode(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e9)"], { stdio: "ignore" });
  const gone = new Promise((done) => child.once("exit", done));
  await sleep(JOB_MS);
  const bytes = residentBytesOf(child.pid!);
  child.kill();
  await gone;
  return bytes;
}

/** Memory of an agent that is connected and runs nothing, and its processor share. */
async function idleAgent(pool: BenchPool): Promise<IdleAgent> {
  const invited = await pool.client.call("inviteMember", { body: { name: "idle" } });
  if (!invited.ok) throw new Error(invited.message);
  const data = join(pool.folder, "agent");
  const flags = ["agent", "--join", invited.value.joinToken, "--folder", data];
  const child = spawn(process.execPath, [main, ...flags], { stdio: "ignore" });
  const gone = new Promise((done) => child.once("exit", done));
  try {
    await sleep(SETTLE_MS);
    const listed = await pool.client.call("listMembers", {});
    const row = listed.ok ? listed.value.rows.find((one) => one.name === "idle") : undefined;
    if (row?.sites[0]?.state !== "here") throw new Error("the agent did not come");
    const cpu = cpuSecondsOf(child.pid!);
    await sleep(SETTLE_MS);
    const cores = (cpuSecondsOf(child.pid!) - cpu) / (SETTLE_MS / 1_000);
    const bytes = residentBytesOfTree(child.pid!);
    return { bytes, cores, ...(await beside(pool, child.pid!)) };
  } finally {
    child.kill("SIGTERM");
    await gone;
  }
}

/** What runs beside an agent that has one sleeping job, and what the agent takes afterwards. The
 * job itself takes under 2 MB of the first. */
async function beside(
  pool: BenchPool,
  agentPid: number,
): Promise<Pick<IdleAgent, "supervisorBytes" | "afterBytes">> {
  const command = ["sleep", String((3 * JOB_MS) / 1_000)];
  const job = { name: "sleep", command, resources: { cpus: 1, memory: "64M" }, time: "1m" };
  const submitted = await pool.client.call("submitJob", { body: job });
  if (!submitted.ok) throw new Error(submitted.message);
  await sleep(2 * JOB_MS);
  const supervisorBytes = residentBytesOfTree(agentPid) - residentBytesOf(agentPid);
  await sleep(SETTLE_MS);
  return { supervisorBytes, afterBytes: residentBytesOfTree(agentPid) };
}

interface Start {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** One start of a command, on the clock and in processor time, which other work does not touch. */
function startOf(args: readonly string[]): Start {
  const script = `TIMEFORMAT="%R %U %S"; time "$@" >/dev/null`;
  const { stderr, status } = spawnSync(SHELL, ["-c", script, "sh", process.execPath, ...args], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  const [wall, user, system] = stderr.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { wallMs: Math.round(wall! * 1_000), cpuMs: Math.round((user! + system!) * 1_000) };
}

/** Median of many starts: the first fills the cache of compiled code. */
function starts(args: readonly string[]): Start & { readonly leastWallMs: number } {
  const all = Array.from({ length: CLI_RUNS }, () => startOf(args)).slice(1);
  const middle = (of: (one: Start) => number): number =>
    all.map(of).sort((a, b) => a - b)[all.length >> 1]!;
  const leastWallMs = Math.min(...all.map((one) => one.wallMs));
  return { wallMs: middle((one) => one.wallMs), cpuMs: middle((one) => one.cpuMs), leastWallMs };
}

/** Bytes, gzipped, of the page and of all that it names: what a browser loads before it shows. */
function firstLoad(): number {
  const folder = mkdtempSync(join(tmpdir(), "tequio-console-"));
  try {
    const vite = fileURLToPath(new URL("../node_modules/vite/bin/vite.js", import.meta.url));
    const root = fileURLToPath(new URL("../console", import.meta.url));
    const flags = ["build", root, "--outDir", folder, "--emptyOutDir", "--logLevel", "warn"];
    execFileSync(process.execPath, [vite, ...flags], { stdio: ["ignore", "ignore", "inherit"] });
    const page = readFileSync(join(folder, "index.html"));
    const named = [...page.toString().matchAll(/(?:src|href)="\.?\/([^"]+)"/g)];
    const files = named.map(([, path]) => readFileSync(join(folder, path!)));
    return [page, ...files].reduce((sum, file) => sum + gzipSync(file).length, 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const pool = await startPool();
try {
  await sleep(SETTLE_MS);
  const idleBytes = pool.residentBytes();
  const agent = await idleAgent(pool);
  const version = starts([main, "--version"]);
  const jobs = starts([main, "jobs", "--url", pool.url, "--token", pool.token]);
  const consoleBytes = firstLoad();
  const plainNodeBytes = await plainNode();
  const details = { cli: { version, jobs, plainNode: starts(["-e", "0"]) }, agent, plainNodeBytes };
  console.error(JSON.stringify({ idleBytes, consoleBytes, ...details }));
  const lines = [
    ["resident memory of an idle control plane", megabytes(idleBytes), "MB", "<= 150"],
    ["resident memory of an idle agent", megabytes(agent.bytes), "MB", "<= 80"],
    ["start of the CLI (`tequio --version`), median", version.wallMs, "ms", "<= 200"],
    ["console, first load, gzip", Math.round(consoleBytes / 1e3), "kB", "<= 400"],
  ] as const;
  if (!values["no-record"]) {
    const peer = "SkyPilot: the API server does not start in 1 GB (skypilot issue 6604)";
    for (const [claim, value, unit, bar] of lines) {
      record("footprint", { claim, value, unit, bar, peer, details });
    }
  }
} finally {
  await pool.stop();
}
process.exit(0);
