// A queue of a million jobs: memory of the control plane, how long submitting and listing take
// while jobs start and end all the time, and how long a restart takes to its first placement.
// Most jobs come as arrays of 10,000, one in twenty by itself. Usage:
//   npm run -s bench:queue -- [--jobs 1000000] [--no-record]
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { LeaseOrder } from "@tequio/contract";
import { SimAgent, simNode } from "./lib/agent.ts";
import { LoadConnection } from "./lib/http.ts";
import { type BenchPool, startPool } from "./lib/pool.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "30" },
    "no-record": { type: "boolean", default: false },
    "cpu-prof": { type: "string" },
  },
});
const jobs = Number(values.jobs);

/** 10 members of 20 nodes with 8 devices: 1,600 devices, so about 20 jobs start a second. */
const MEMBERS = 10;
const NODES = 20;
const DEVICES = 8;
/** Jobs run for 5 to 35 seconds, so that some end at every moment. */
const RUN_MS = { least: 5_000, steps: 31, step: 1_000 };
const ARRAY_TASKS = 10_000;
const SINGLE_SHARE = 0.05;
/** Room in the queue that is left for the jobs of the measurement. */
const ROOM = 20_000;
/** Submissions a second while measuring: some people and a script, not a benchmark's fill. */
const RATE = 50;
const CONNECTIONS = 8;
const PAUSE_MS = 50;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Eight projects, five priorities, four widths and two time limits: 320 kinds of requests. */
const jobOf = (i: number, more: object = {}): object => ({
  name: `job-${i}`,
  command: ["python3", "train.py", "--config", "config.yaml"],
  project: `p${i % 8}`,
  priority: (i % 5) * 10,
  resources: { accelerators: 2 ** (i % 4), cpus: 2, memory: "4G" },
  time: i % 2 === 0 ? "1h" : "8h",
  ...more,
});

async function submit(connection: LoadConnection, body: object): Promise<number> {
  const sentAt = performance.now();
  const answer = await connection.request("POST", "/v1/jobs", body);
  if (answer.status !== 201) throw new Error(`submit: ${answer.status} ${answer.body}`);
  return performance.now() - sentAt;
}

interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

function spread(ms: readonly number[]): Spread {
  const sorted = [...ms].sort((a, b) => a - b);
  const at = (part: number): number =>
    Number((sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN).toFixed(1));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), count: sorted.length };
}

/** Fills the queue; gives the times of the single submissions and of the arrays. */
async function fill(pool: BenchPool, total: number): Promise<{ single: Spread; array: Spread }> {
  const [single, array]: [number[], number[]] = [[], []];
  let left = Math.floor(total * SINGLE_SHARE);
  const one = async (): Promise<void> => {
    const connection = new LoadConnection(pool.url, pool.token);
    while (left > 0) {
      left -= 1;
      single.push(await submit(connection, jobOf(left)));
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  const connection = new LoadConnection(pool.url, pool.token);
  for (let i = 0; i < Math.floor((total * (1 - SINGLE_SHARE)) / ARRAY_TASKS); i += 1) {
    array.push(await submit(connection, jobOf(i, { array: `0-${ARRAY_TASKS - 1}` })));
  }
  connection.close();
  return { single: spread(single), array: spread(array) };
}

/** Every kind of list, and pages from the middle of the queue. */
const LISTS = [
  "/v1/jobs?limit=100",
  "/v1/jobs?state=queued&limit=500",
  "/v1/jobs?state=active&limit=100",
  "/v1/jobs?state=ended&limit=100",
  "/v1/jobs?project=p3&limit=100",
  "/v1/jobs?member=m3&limit=100",
  "/v1/jobs?state=queued&limit=100&cursor=100000",
  "/v1/pool",
  "/v1/members",
  "/v1/projects",
  "/v1/runs",
  "/v1/jobs/5",
  "/v1/jobs/5/why",
] as const;

async function measure(pool: BenchPool, forMs: number) {
  const lists = new Map<string, number[]>(LISTS.map((path) => [path, []]));
  const submits: number[] = [];
  const endAt = performance.now() + forMs;
  const lister = async (): Promise<void> => {
    const connection = new LoadConnection(pool.url, pool.token);
    while (performance.now() < endAt) {
      for (const path of LISTS) {
        const sentAt = performance.now();
        const { status, body } = await connection.request("GET", path);
        if (status !== 200) throw new Error(`${path}: ${status} ${body.slice(0, 200)}`);
        lists.get(path)!.push(performance.now() - sentAt);
        await sleep(PAUSE_MS);
      }
    }
    connection.close();
  };
  const submitter = async (): Promise<void> => {
    const connection = new LoadConnection(pool.url, pool.token);
    for (let i = 0; performance.now() < endAt; i += 1) {
      submits.push(await submit(connection, jobOf(i)));
      await sleep((CONNECTIONS * 1_000) / RATE);
    }
    connection.close();
  };
  await Promise.all([lister(), ...Array.from({ length: CONNECTIONS }, submitter)]);
  const byPath = Object.fromEntries([...lists].map(([path, ms]) => [path, spread(ms)]));
  return { submit: spread(submits), lists: spread([...lists.values()].flat()), byPath };
}

async function counts(pool: BenchPool) {
  const seen = await pool.client.call("getPool", {});
  if (!seen.ok) throw new Error(`${seen.code}: ${seen.message}`);
  const { jobsQueued, jobsRunning, jobsEnded } = seen.value;
  return { jobsQueued, jobsRunning, jobsEnded };
}

const runMs = ({ fence }: LeaseOrder): number =>
  RUN_MS.least + ((fence * 7) % RUN_MS.steps) * RUN_MS.step;

function join(pool: BenchPool, member: string, onStart: () => void): Promise<SimAgent> {
  const nodes = Array.from({ length: NODES }, (_, i) => simNode(`n${i}`, DEVICES));
  const { url, token } = pool;
  return SimAgent.start({ url, token, member, nodes, runMs, onStart });
}

/** Kills the control plane, starts it again and waits until a member's first lease is there. */
async function restart(before: BenchPool, member: string) {
  await before.kill();
  const startedAt = performance.now();
  const pool = await startPool(before.folder);
  const readyMs = performance.now() - startedAt;
  let placed = (): void => {};
  const first = new Promise<void>((done) => {
    placed = done;
  });
  const agent = await join(pool, member, placed);
  await first;
  const placedMs = performance.now() - startedAt;
  return { pool, agent, readyMs: Math.round(readyMs), placedMs: Math.round(placedMs) };
}

const peakMB = (pid: number): number =>
  Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 977);

const profile = values["cpu-prof"];
const pool = await startPool(
  undefined,
  profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`],
);
const agents: SimAgent[] = [];
let last = pool;
try {
  for (let i = 0; i < 8; i += 1) {
    const made = await pool.client.call("createProject", { body: { name: `p${i}`, shares: 1 } });
    if (!made.ok) throw new Error(made.message);
  }
  let starts = 0;
  for (let i = 0; i < MEMBERS; i += 1) {
    const member = await join(pool, `m${i}`, () => {
      starts += 1;
    });
    agents.push(member);
  }
  const idleMB = Math.round(pool.residentBytes() / 1e6);
  const filling = performance.now();
  const filled = await fill(pool, jobs - ROOM);
  const fillSeconds = Math.round((performance.now() - filling) / 1_000);
  const startsBefore = starts;
  const cpuBefore = pool.cpuSeconds();
  const measured = await measure(pool, Number(values.seconds) * 1_000);
  const details = {
    ...(await counts(pool)),
    startsPerSecond: Math.round((starts - startsBefore) / Number(values.seconds)),
    cpuShare: Number(((pool.cpuSeconds() - cpuBefore) / Number(values.seconds)).toFixed(2)),
    idleMB,
    fillSeconds,
    filled,
    measured,
    residentMB: Math.round(pool.residentBytes() / 1e6),
    peakMB: peakMB(pool.pid),
  };
  console.error(JSON.stringify(details, null, 1));
  for (const agent of agents.splice(0)) agent.close();
  const again = await restart(pool, "late");
  last = again.pool;
  agents.push(again.agent);
  const after = { ...(await counts(last)), peakMB: peakMB(last.pid) };
  const { readyMs, placedMs } = again;
  console.error(JSON.stringify({ readyMs, placedMs, after }));
  if (!values["no-record"]) {
    const queue = `with ${details.jobsQueued} jobs queued`;
    const peer = "Armada: about 200,000 queued jobs a GB (issue 710), restart up to 15 min (4321)";
    const share = { details: { ...details, readyMs, placedMs, after } };
    const lines = [
      ["resident memory, highest", details.peakMB, "MB", "<= 1,500"],
      ["submit of one job, 99th percentile", measured.submit.p99, "ms", "<= 50"],
      ["a page of any list, 95th percentile", measured.lists.p95, "ms", "<= 100"],
      ["kill -9 to the first placement after a restart", placedMs / 1_000, "s", "<= 20"],
    ] as const;
    for (const [claim, value, unit, bar] of lines) {
      record("queue", { claim: `${claim}, ${queue}`, value, unit, bar, peer, ...share });
    }
  }
} finally {
  for (const agent of agents) agent.close();
  await last.stop();
}
process.exit(0);
