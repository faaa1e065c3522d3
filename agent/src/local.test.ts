// The agent with the real local engine: an agent that is killed loses neither its lease nor a byte
// of its log, and the calibration runs under the engine. The agent that is killed is this very
// file, started as a process of its own.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { localEngine } from "@tequio/engines/local";
import { runAgent } from "./run.ts";
import { FakePool } from "./testing/pool.ts";
import { runOrder, stopOrder, testOptions, until } from "./testing/setup.ts";

const CHILD_FLAG = "--as-agent";
const CALIBRATE = [process.execPath, fileURLToPath(new URL("./calibrate.ts", import.meta.url))];
const NODE_NAME = "node-a";

function startAgent(folder: string, joinToken: string) {
  const engine = localEngine({ folder: join(folder, "engine"), nodeName: NODE_NAME });
  const options = testOptions({ folder: join(folder, "agent"), engine, joinToken, lines: [] });
  // Measuring beside other tests would only slow them down.
  const timing = { ...options.timing, gemmMs: 10, memoryMs: 10 };
  return { engine, agent: runAgent({ ...options, calibrationCommand: CALIBRATE, timing }) };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGKILL");
  await ended;
}

/** A pool and a folder; after the test agents are ended, leases are stopped and all is removed. */
async function testPlace(test: TestContext) {
  const pool = await new FakePool().open();
  pool.heartbeatMs = 200;
  const folder = mkdtempSync(join(tmpdir(), "tequio-agent-"));
  const token = pool.invite();
  const ends: (() => Promise<void>)[] = [() => pool.close()];
  test.after(async () => {
    for (const end of ends.reverse()) await end();
    rmSync(folder, { recursive: true, force: true });
  });
  const here = async () => {
    const { engine, agent: starting } = startAgent(folder, token);
    const agent = await starting;
    ends.push(async () => {
      await agent.stop({ keepJobs: false });
      await engine.close();
    });
    return engine;
  };
  const inProcess = (): ChildProcess => {
    const self = fileURLToPath(import.meta.url);
    const child = spawn(process.execPath, [self, CHILD_FLAG, folder, token], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    ends.push(() => killed(child));
    return child;
  };
  return { pool, here, inProcess };
}

const SCRIPT = `
  let count = 0;
  console.log(process.env.TEQUIO_TOKEN, process.env.TEQUIO_SITE, process.env.TEQUIO_JOB_ID);
  setInterval(() => console.log("line", count++), 20);
  process.on("SIGTERM", () => { console.log("goodbye"); process.exit(5); });
`;

function localTests(): void {
  test("a lease outlives its killed agent, and its log is whole", async (t) => {
    const { pool, here, inProcess } = await testPlace(t);
    pool.orders = [runOrder("L1", { commands: [[process.execPath, "-e", SCRIPT]] })];
    const child = inProcess();
    await until("the first lines", () => pool.logOf("L1").bytes.includes("line 3\n"));
    await killed(child);
    const had = pool.logOf("L1").bytes.length;

    const engine = await here();
    await until("more lines", () => pool.logOf("L1").bytes.length > had + 20);
    pool.want(stopOrder("L1", 5_000));
    const end = await until("the end", () => pool.endOf("L1"));
    await until("the end of the log", () => pool.logOf("L1").ended);
    assert.equal(end.endedBy, "stop");
    assert.ok(end.ranMs > 0);
    const lines = String(pool.logOf("L1").bytes).trimEnd().split("\n");
    assert.equal(lines[0], "task-token-for-tests alice-1 17");
    assert.equal(lines.at(-1), "goodbye");
    lines.slice(1, -1).forEach((line, count) => {
      assert.equal(line, `line ${count}`);
    });
    assert.deepEqual(pool.kindsOf("L1"), ["starting", "running", "ended"]);
    const gone = async () => (await engine.list()).length === 0;
    for (let tries = 0; !(await gone()); tries += 1) {
      assert.ok(tries < 100, "the lease was not forgotten");
      await new Promise((done) => setTimeout(done, 20));
    }
    const calibration = await until("the calibration", () =>
      pool.received.find((message) => message.type === "calibration"),
    );
    assert.ok(calibration.calibration.gemmGflops > 0);
  });

  test("a site that is cut off stops at its deadline and tells so afterwards", async (t) => {
    const { pool, here } = await testPlace(t);
    // The engine begins to stop 2 s before the deadline.
    pool.leaseForMs = 3_500;
    pool.orders = [runOrder("L1", { commands: [[process.execPath, "-e", SCRIPT]] })];
    const engine = await here();
    await until("the first lines", () => pool.logOf("L1").bytes.includes("line 1\n"));
    await pool.close();
    const cutAt = performance.now();
    const ended = async () => (await engine.list())[0]?.state === "ended";
    while (!(await ended())) {
      assert.ok(performance.now() - cutAt < 10_000, "the lease did not end");
      await new Promise((done) => setTimeout(done, 20));
    }
    await pool.open();
    const end = await until("the end", () => pool.endOf("L1"));
    assert.equal(end.endedBy, "deadline");
  });
}

const [, , flag, folder, joinToken] = process.argv;
if (flag === CHILD_FLAG) await startAgent(folder!, joinToken!).agent;
else localTests();
