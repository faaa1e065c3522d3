// What only the local engine has: supervisors that outlive the agent, process groups, log limits
// on a flood, and what happens to secrets and to the agent's own environment.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Node } from "@tequio/core/pool";
import { LIMITS } from "@tequio/core/pool";
import { siteClockMs } from "../clock.ts";
import type { Engine } from "../port.ts";
import { endOf, find, leaseOf, must, textOf, waitFor, waitForText } from "../testkit.ts";
import { isAlive, readProcess, signal } from "./processes.ts";
import {
  leaseFolder,
  type RunningRecord,
  readRecord,
  runningFile,
  taskLogFile,
  workFolder,
} from "./records.ts";
import { type TestPlace, testPlace } from "./testplace.ts";

interface Bench {
  readonly place: TestPlace;
  readonly engine: Engine;
  readonly node: Node;
}

/** Runs a test with an engine of its own that may run leases for a while. */
function withEngine(name: string, play: (bench: Bench) => Promise<void>): void {
  test(name, async () => {
    const place = testPlace();
    try {
      const [node] = await place.engine.inventory();
      assert.ok(node !== undefined);
      await place.engine.extend(siteClockMs() + 45_000);
      await play({ place, engine: place.engine, node });
    } finally {
      await place.dispose();
    }
  });
}

/** Waits until a process is gone, or a zombie of somebody else's. */
async function waitForDeath(pid: number): Promise<void> {
  await waitFor(`the death of ${pid}`, async () => {
    const row = readProcess(pid);
    return row === undefined || row.zombie ? true : undefined;
  });
}

/** Process numbers that a task wrote into files `name-1`, ... of its work folder. */
async function pidsFrom(
  bench: Bench,
  leaseId: string,
  names: readonly string[],
): Promise<number[]> {
  const work = workFolder(leaseFolder(bench.place.folder, leaseId));
  const pids: number[] = [];
  for (const name of names) {
    const pid = await waitFor(`file ${name}`, async () => {
      try {
        return Number(readFileSync(join(work, name), "utf8")) || undefined;
      } catch {
        return undefined;
      }
    });
    pids.push(pid);
  }
  return pids;
}

function shimOf(bench: Bench, leaseId: string): RunningRecord {
  const record = readRecord<RunningRecord>(runningFile(leaseFolder(bench.place.folder, leaseId)));
  assert.ok(record !== undefined);
  return record;
}

/** An agent that starts one lease and then waits, in a process of its own. */
const AGENT = `
const { localEngine } = await import(process.env.ENGINE);
const { siteClockMs } = await import(process.env.CLOCK);
const engine = localEngine({ folder: process.env.FOLDER, nodeName: "here" });
await engine.extend(siteClockMs() + 45_000);
const outcome = await engine.start(JSON.parse(process.env.LEASE));
console.log(outcome.ok);
setInterval(() => undefined, 1000);
`;

/** Starts AGENT, waits until it has started the lease, and kills it with SIGKILL. */
async function startByDoomedAgent(place: TestPlace, lease: object) {
  const env = {
    ...process.env,
    ENGINE: new URL("./index.ts", import.meta.url).href,
    CLOCK: new URL("../clock.ts", import.meta.url).href,
    FOLDER: place.folder,
    LEASE: JSON.stringify(lease),
  };
  const agent = spawn(process.execPath, ["--input-type=module", "-e", AGENT], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const started = await new Promise<string>((resolve) => {
    agent.stdout.once("data", (bytes: Buffer) => resolve(bytes.toString().trim()));
  });
  assert.equal(started, "true");
  agent.kill("SIGKILL");
  await new Promise((resolve) => agent.once("exit", resolve));
}

describe("the local engine's processes", { concurrency: 4 }, () => {
  withEngine("a lease outlives an agent that is killed", async ({ place, node }) => {
    const lease = leaseOf(node, ["echo alive; sleep 0.5; echo still; exec sleep 50"]);
    await startByDoomedAgent(place, lease);
    const again = await place.reopen();
    assert.notEqual((await find(again, lease.leaseId))?.state, "ended");
    must(await again.start(lease));
    await waitForText(again, lease.leaseId, "alive\nstill\n");
    await again.stop(lease.leaseId, { graceMs: 10_000, why: "test" });
    const end = await endOf(again, lease.leaseId);
    assert.deepEqual([end.endedBy, end.signal], ["stop", "SIGTERM"]);
  });

  withEngine("a lease of a dead agent ends at its deadline all by itself", async (bench) => {
    const lease = leaseOf(bench.node, ['echo $$ > pid; trap "" TERM; while :; do sleep 0.1; done']);
    await startByDoomedAgent(bench.place, lease);
    const [pid = 0] = await pidsFrom(bench, lease.leaseId, ["pid"]);
    // As if the agent had last heard from the pool long ago. No engine looks at it from here on.
    await bench.engine.extend(siteClockMs() + 500);
    await waitForDeath(pid);
    assert.equal((await endOf(bench.engine, lease.leaseId)).endedBy, "deadline");
  });

  withEngine("a killed supervisor takes its tasks with it, agent or not", async (bench) => {
    const lease = leaseOf(bench.node, ["echo $$ > pid; exec sleep 50"]);
    must(await bench.engine.start(lease));
    const [pid = 0] = await pidsFrom(bench, lease.leaseId, ["pid"]);
    signal(shimOf(bench, lease.leaseId).shim.pid, "SIGKILL");
    await waitForDeath(pid); // by the guard: nobody has called the engine
    const end = await endOf(bench.engine, lease.leaseId);
    assert.deepEqual([end.endedBy, end.exitCode, end.signal], ["lost", null, null]);
    const again = await bench.place.reopen();
    assert.deepEqual(await find(again, lease.leaseId), end);
  });

  withEngine("what left its process group is killed with the lease", async (bench) => {
    const script = `
      sleep 51 & echo $! > child
      setsid sleep 52 & echo $! > session
      (setsid sh -c 'echo $$ > daemon; exec sleep 53' &)
      echo ready; exec sleep 54`;
    const lease = leaseOf(bench.node, [script]);
    must(await bench.engine.start(lease));
    const pids = await pidsFrom(bench, lease.leaseId, ["child", "daemon", "session"]);
    await waitForText(bench.engine, lease.leaseId, "ready");
    await bench.engine.stop(lease.leaseId, { graceMs: 5_000, why: "test" });
    await endOf(bench.engine, lease.leaseId);
    for (const pid of pids) await waitForDeath(pid);
  });

  withEngine("children in the background end when their task ends", async (bench) => {
    const lease = leaseOf(bench.node, ["sleep 55 & echo $! > child; echo done"]);
    must(await bench.engine.start(lease));
    const [pid = 0] = await pidsFrom(bench, lease.leaseId, ["child"]);
    assert.equal((await endOf(bench.engine, lease.leaseId)).exitCode, 0);
    await waitForDeath(pid);
  });

  withEngine("the supervisor goes when its lease has ended", async (bench) => {
    const lease = leaseOf(bench.node, ["sleep 0.2"]);
    must(await bench.engine.start(lease));
    await waitFor("a supervisor", async () => {
      return (await find(bench.engine, lease.leaseId))?.state === "running" || undefined;
    });
    const { shim } = shimOf(bench, lease.leaseId);
    await endOf(bench.engine, lease.leaseId);
    await waitFor("its end", async () => !isAlive(shim) || undefined);
  });
});

describe("the local engine's files", { concurrency: 4 }, () => {
  withEngine("a supervisor whose folder is removed ends with its tasks", async (bench) => {
    const lease = leaseOf(bench.node, ["echo $$ > pid; exec sleep 50"]);
    must(await bench.engine.start(lease));
    const [pid = 0] = await pidsFrom(bench, lease.leaseId, ["pid"]);
    const { shim } = shimOf(bench, lease.leaseId);
    rmSync(leaseFolder(bench.place.folder, lease.leaseId), {
      recursive: true,
      force: true,
      maxRetries: 10,
    });
    await waitForDeath(pid);
    await waitForDeath(shim.pid);
  });

  withEngine("a flood is cut at the limit, marked, counted, and slowed", async (bench) => {
    const lease = leaseOf(bench.node, ["yes tequio & sleep 1; kill $!; wait; exit 3"]);
    must(await bench.engine.start(lease));
    const end = await endOf(bench.engine, lease.leaseId);
    assert.equal(end.exitCode, 3);
    const file = taskLogFile(leaseFolder(bench.place.folder, lease.leaseId), 0);
    const size = statSync(file).size;
    assert.ok(size <= LIMITS.LOG_BYTES_PER_ATTEMPT_MAX, `log of ${size} bytes`);
    const tail = { taskIndex: 0, offset: size - 60, maxBytes: 100 };
    const chunk = must(await bench.engine.log(lease.leaseId, tail));
    assert.match(new TextDecoder().decode(chunk.bytes), /cut here at \d+ bytes; the task goes on/);
    assert.ok(chunk.ended && chunk.droppedBytes > 0);
    // 50 MB/s are let through beyond the limit; `yes` alone writes some GB/s.
    assert.ok(chunk.droppedBytes < 250_000_000, `dropped ${chunk.droppedBytes}`);
  });

  withEngine("stdout and stderr keep their order and can be opened by name", async (bench) => {
    const script = "for i in 1 2 3; do echo o$i > /dev/stdout; echo e$i > /dev/stderr; done";
    const lease = leaseOf(bench.node, [script]);
    must(await bench.engine.start(lease));
    await endOf(bench.engine, lease.leaseId);
    assert.equal(await textOf(bench.engine, lease.leaseId), "o1\ne1\no2\ne2\no3\ne3\n");
  });

  withEngine("a file that cannot be run ends with 126 and a line that says so", async (bench) => {
    const plain = leaseOf(bench.node, ["true"]);
    const tasks = plain.tasks.map((task) => ({ ...task, command: ["/etc/passwd"] }));
    must(await bench.engine.start({ ...plain, tasks }));
    assert.equal((await endOf(bench.engine, plain.leaseId)).exitCode, 126);
    assert.match(await textOf(bench.engine, plain.leaseId), /not an executable file/);
  });

  withEngine("secrets are on no disk, and the agent's own stay with it", async (bench) => {
    process.env.TEQUIO_AGENT_TOKEN = "agent-secret";
    const plain = leaseOf(bench.node, ['test "$TOKEN" = hush-$HALF && env | cut -d= -f1']);
    const tasks = plain.tasks.map((task) => ({
      ...task,
      env: { HALF: "hush" },
      secretEnv: { TOKEN: "hush-hush" },
    }));
    must(await bench.engine.start({ ...plain, tasks }));
    assert.equal((await endOf(bench.engine, plain.leaseId)).exitCode, 0);
    const names = (await textOf(bench.engine, plain.leaseId)).split("\n");
    assert.ok(names.includes("TOKEN") && names.includes("PATH"));
    assert.ok(!names.includes("TEQUIO_AGENT_TOKEN"), names.join());
    for (const entry of readdirSync(bench.place.folder, { recursive: true })) {
      const path = join(bench.place.folder, String(entry));
      const stat = statSync(path);
      assert.equal(stat.mode & 0o077, 0, `others can enter ${path}`);
      if (!stat.isFile()) continue;
      assert.doesNotMatch(readFileSync(path, "latin1"), /hush-hush|agent-secret/, path);
    }
  });
});
