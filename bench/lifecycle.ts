// Full life cycles a second: submit over HTTP, queue, lease, start, run, end, all durable, with the
// real control plane in a process of its own and simulated members on real WebSockets. A cycle
// counts when the pool has acknowledged the durable end of the job's lease. Jobs run for no time,
// so what is measured is the control plane. Slurm is measured beside it where it is installed.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { SimAgent, simNode } from "./lib/agent.ts";
import { LoadConnection } from "./lib/http.ts";
import { type BenchPool, startPool } from "./lib/pool.ts";
import { slurmCycles } from "./lifecycle-slurm.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "20000" },
    members: { type: "string", default: "10" },
    connections: { type: "string", default: "64" },
    array: { type: "string", default: "1000" },
    repeats: { type: "string", default: "3" },
    only: { type: "string" },
    "cpu-prof": { type: "string" },
    "no-record": { type: "boolean", default: false },
  },
});
const [jobs, members, connections] = [values.jobs, values.members, values.connections].map(Number);
const arrayTasks = Number(values.array);

/** Nodes of each member, and cores of each node: 2,560 jobs of one core may run at one time. */
const NODES = 4;
const CORES = 64;

interface Measured {
  readonly how: string;
  readonly cyclesPerSecond: number;
  readonly submitsPerSecond: number;
  readonly submitP50Ms: number;
  readonly submitP99Ms: number;
  readonly serverCpuSecondsPer1000: number;
  readonly clientCpuSecondsPer1000: number;
  readonly residentMB: number;
}

const JOB = {
  ...{ name: "cycle", command: ["true"], resources: { cpus: 1, memory: "64M" }, time: "5m" },
};

/** Submits all jobs, `perRequest` with each request, over all connections at once. */
async function submitAll(pool: BenchPool, perRequest: number): Promise<number[]> {
  const latencies: number[] = [];
  let left = jobs! / perRequest;
  const body = perRequest === 1 ? JOB : { ...JOB, array: `0-${perRequest - 1}` };
  const work = async (): Promise<void> => {
    const connection = new LoadConnection(pool.url, pool.token);
    while (left > 0) {
      left -= 1;
      const sentAt = performance.now();
      const { status, body: answer } = await connection.request("POST", "/v1/jobs", body);
      if (status !== 201) throw new Error(`submit: ${status} ${answer}`);
      latencies.push(performance.now() - sentAt);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections! }, work));
  return latencies.sort((a, b) => a - b);
}

/** Every job of the pool ended, by what its API says; that they ended well each agent has seen. */
async function checkAll(pool: BenchPool): Promise<void> {
  const seen = await pool.client.call("getPool", {});
  if (!seen.ok) throw new Error(`${seen.code}: ${seen.message}`);
  const { jobsEnded, jobsQueued, jobsRunning } = seen.value;
  if (jobsEnded === jobs && jobsQueued === 0 && jobsRunning === 0) return;
  throw new Error(`${jobsEnded} of ${jobs} jobs ended, ${jobsQueued} wait, ${jobsRunning} run`);
}

async function measure(how: string, perRequest: number): Promise<Measured> {
  const profile = values["cpu-prof"];
  const flags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  const pool = await startPool(undefined, flags);
  const agents: SimAgent[] = [];
  try {
    let ended = 0;
    let finish = (): void => {};
    const finished = new Promise<void>((done) => {
      finish = done;
    });
    const onEnded = (): void => {
      ended += 1;
      if (ended === jobs) finish();
    };
    for (let i = 0; i < members!; i += 1) {
      const nodes = Array.from({ length: NODES }, (_, n) => simNode(`n${n}`, 0, CORES));
      const { url, token } = pool;
      const member = `m${i}`;
      agents.push(await SimAgent.start({ url, token, member, nodes, runMs: () => 0, onEnded }));
    }
    const cpu = { server: pool.cpuSeconds(), client: process.cpuUsage() };
    const startedAt = performance.now();
    const latencies = await submitAll(pool, perRequest);
    const submittedMs = performance.now() - startedAt;
    await finished;
    const tookMs = performance.now() - startedAt;
    const own = process.cpuUsage(cpu.client);
    const serverCpu = pool.cpuSeconds() - cpu.server;
    const residentMB = Math.round(pool.residentBytes() / 1e6);
    await checkAll(pool);
    const at = (part: number): number =>
      round(latencies[Math.floor(part * (latencies.length - 1))]!, 1);
    return {
      how,
      cyclesPerSecond: round(jobs! / (tookMs / 1_000), 0),
      submitsPerSecond: round(jobs! / (submittedMs / 1_000), 0),
      submitP50Ms: at(0.5),
      submitP99Ms: at(0.99),
      serverCpuSecondsPer1000: round(serverCpu / (jobs! / 1_000), 3),
      clientCpuSecondsPer1000: round((own.user + own.system) / 1e6 / (jobs! / 1_000), 3),
      residentMB,
    };
  } finally {
    for (const agent of agents) agent.close();
    await pool.stop();
  }
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

const median = (rows: readonly Measured[]): Measured =>
  [...rows].sort((a, b) => a.cyclesPerSecond - b.cyclesPerSecond)[rows.length >> 1]!;

/** What others do on the machine at the same time; a busy one gives lower rates. */
const loadBefore = round(loadavg()[0]!, 1);
const single: Measured[] = [];
const batched: Measured[] = [];
for (let i = 0; i < Number(values.repeats); i += 1) {
  if (values.only !== "array") single.push(await measure("one job a request", 1));
  if (values.only !== "single") batched.push(await measure("arrays", arrayTasks));
  console.error(JSON.stringify([single.at(-1), batched.at(-1)]));
}
if (values["no-record"]) process.exit(0);
const slurm = await slurmCycles();
const best = median(single);
record("lifecycle", {
  claim: "full job life cycles a second, one job a request, durable, through the HTTP API",
  value: best.cyclesPerSecond,
  unit: "cycles/s",
  bar: ">= 2,000",
  peer: { published: "Slurm: 500 jobs/s sustained (SchedMD high_throughput)", measured: slurm },
  details: {
    jobs,
    members,
    connections,
    loadBefore,
    single: best,
    arraysOf: arrayTasks,
    arrays: median(batched),
    all: [...single, ...batched].map(({ how, cyclesPerSecond }) => [how, cyclesPerSecond]),
  },
});
process.exit(best.cyclesPerSecond >= 2_000 ? 0 : 1);
