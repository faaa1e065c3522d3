// A hundred members with a thousand nodes each, as simulated agents on real WebSockets: how long a
// member takes from its invitation to its first lease, what heartbeats cost when nothing else goes
// on, and how soon the loss of a member is noticed that just falls silent. Usage:
//   npm run -s bench:members -- [--members 100] [--nodes 1000] [--no-record]
import { parseArgs } from "node:util";
import { SimAgent, simNode } from "./lib/agent.ts";
import { type BenchPool, startPool } from "./lib/pool.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "100" },
    nodes: { type: "string", default: "1000" },
    seconds: { type: "string", default: "60" },
    "no-record": { type: "boolean", default: false },
    "cpu-prof": { type: "string" },
  },
});
const [members, nodeCount, seconds] = [values.members, values.nodes, values.seconds].map(Number);

const DEVICES = 8;
/** Members whose first lease is waited for, the last ones to join: the pool is largest then. */
const WATCHED = 10;
const LOST = 3;
const POLL_MS = 100;
/** Joining has made work that is not yet done; heartbeats are measured after it. */
const SETTLE_MS = 10_000;
const GIVE_UP_MS = 60_000;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const round = (value: number, digits = 0): number => Number(value.toFixed(digits));
const sorted = (all: readonly number[]): number[] => [...all].sort((a, b) => a - b);
const most = (all: readonly number[]): number => round(sorted(all).at(-1) ?? Number.NaN);
const part = (all: readonly number[], of: number): number =>
  round(sorted(all)[Math.floor(of * (all.length - 1))] ?? Number.NaN, 1);

/** One member: invited, joined, connected, its nodes told. */
function join(pool: BenchPool, member: string, onStart: () => void): Promise<SimAgent> {
  const nodes = Array.from({ length: nodeCount! }, (_, i) => simNode(`n${i}`, DEVICES));
  const { url, token } = pool;
  return SimAgent.start({ url, token, member, nodes, runMs: () => 1_000, onStart });
}

/** Milliseconds from the invitation to the first lease of a job that names the member. */
async function joinToLease(pool: BenchPool, member: string, agents: SimAgent[]): Promise<number> {
  const startedAt = performance.now();
  let started = (): void => {};
  const first = new Promise<void>((done) => {
    started = done;
  });
  agents.push(await join(pool, member, () => started()));
  // The first heartbeat is answered after the inventory before it was taken.
  const agent = agents.at(-1)!;
  while (agent.heartbeatMs.length === 0) await sleep(POLL_MS / 10);
  const body = { name: "first", command: ["true"], members: [member], resources: { cpus: 1 } };
  const taken = await pool.client.call("submitJob", { body: body as never });
  if (!taken.ok) throw new Error(`${taken.code}: ${taken.message}`);
  await first;
  return performance.now() - startedAt;
}

const sitesHere = async (pool: BenchPool): Promise<number> => {
  const seen = await pool.client.call("getPool", {});
  if (!seen.ok) throw new Error(`${seen.code}: ${seen.message}`);
  return seen.value.sitesHere;
};

/** Milliseconds until the pool counts a site less. */
async function lossNoticed(pool: BenchPool, agent: SimAgent): Promise<number> {
  const before = await sitesHere(pool);
  const lostAt = performance.now();
  agent.silence();
  while (performance.now() - lostAt < GIVE_UP_MS) {
    await sleep(POLL_MS);
    if ((await sitesHere(pool)) < before) return performance.now() - lostAt;
  }
  throw new Error(`a loss was not noticed within ${GIVE_UP_MS} ms`);
}

const profile = values["cpu-prof"];
const pool = await startPool(
  undefined,
  profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`],
);
const agents: SimAgent[] = [];
try {
  const joins: number[] = [];
  for (let i = 0; i < members!; i += 1) {
    const name = `m${i}`;
    if (i >= members! - WATCHED) joins.push(await joinToLease(pool, name, agents));
    else agents.push(await join(pool, name, () => {}));
  }
  console.error(
    `${members} members of ${nodeCount} nodes are here: ${joins.map((ms) => round(ms))}`,
  );
  await sleep(SETTLE_MS);
  for (const agent of agents) agent.heartbeatMs.length = 0;
  const cpu = pool.cpuSeconds();
  const from = performance.now();
  await sleep(seconds! * 1_000);
  const share = (pool.cpuSeconds() - cpu) / ((performance.now() - from) / 1_000);
  const beats = agents.flatMap((agent) => agent.heartbeatMs);
  const losses: number[] = [];
  for (const agent of agents.slice(0, LOST)) losses.push(await lossNoticed(pool, agent));
  const listedAt = performance.now();
  await pool.client.call("listMembers", {});
  const details = {
    ...{ members, nodesEach: nodeCount, devicesEach: nodeCount! * DEVICES },
    joinMs: joins.map((ms) => round(ms)),
    heartbeats: beats.length,
    heartbeatAnswerMs: { p50: part(beats, 0.5), p99: part(beats, 0.99), max: most(beats) },
    lossMs: losses.map((ms) => round(ms)),
    listMembersMs: round(performance.now() - listedAt),
    residentMB: round(pool.residentBytes() / 1e6),
  };
  console.error(JSON.stringify({ share: round(share, 3), ...details }));
  if (!values["no-record"]) {
    const size = `${members} members of ${nodeCount} nodes`;
    const lines = [
      ["join to the first lease, slowest", most(joins) / 1_000, "s", "<= 5"],
      ["heartbeats of all members, share of one core", round(share, 3), "cores", "<= 0.2"],
      ["a silent member's loss noticed, slowest", most(losses) / 1_000, "s", "<= 15"],
    ] as const;
    const peer = "HTCondor: a lost member's lease lasts 40 min by default; MultiKueue: 15 min";
    for (const [claim, value, unit, bar] of lines) {
      record("members", { claim: `${claim}, ${size}`, value, unit, bar, peer, details });
    }
  }
} finally {
  for (const agent of agents) agent.close();
  await pool.stop();
}
process.exit(0);
