// What every agent test starts from: a pool, an engine in memory and a folder of its own, with
// times short enough for a test; and the way to wait for something that must come.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { LeaseOrder } from "@tequio/contract";
import type { Engine } from "@tequio/engines";
import type { AgentOptions } from "../options.ts";
import { type AgentHandle, runAgent } from "../run.ts";
import { FakeEngine } from "./engine.ts";
import { FakePool } from "./pool.ts";

/** Long enough for a slow machine that runs other things; reached only by a test that fails. */
const WAIT_MS = 10_000;

/** Waits until `ready` gives something; throws when it does not come. */
export async function until<T>(what: string, ready: () => T | undefined | false): Promise<T> {
  const giveUpAt = performance.now() + WAIT_MS;
  for (;;) {
    const value = ready();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > giveUpAt) throw new Error(`Waited in vain: ${what}.`);
    await new Promise((done) => setTimeout(done, 3));
  }
}

/** A moment in which something that must not happen would have happened. */
export const aMoment = (): Promise<void> => new Promise((done) => setTimeout(done, 80));

/** A folder that is removed after the test. */
export function testFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tequio-agent-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestSite {
  readonly pool: FakePool;
  readonly engine: FakeEngine;
  readonly folder: string;
  readonly lines: string[];
  /** Starts an agent that is stopped after the test. */
  readonly start: (given?: Partial<AgentOptions>) => Promise<AgentHandle>;
}

/** A pool that listens, an engine and a folder; no agent runs yet. */
export async function testSite(test: TestContext): Promise<TestSite> {
  const pool = await new FakePool().open();
  test.after(() => pool.close());
  const engine = new FakeEngine();
  const folder = testFolder(test);
  const lines: string[] = [];
  const token = pool.invite();
  const start = async (given: Partial<AgentOptions> = {}): Promise<AgentHandle> => {
    const agent = await runAgent(testOptions({ folder, engine, joinToken: token, lines }, given));
    test.after(() => agent.stop());
    return agent;
  };
  return { pool, engine, folder, lines, start };
}

/** Options with short times; `given` goes over them. */
export function testOptions(
  base: { folder: string; engine: Engine; joinToken: string; lines: string[] },
  given: Partial<AgentOptions> = {},
): AgentOptions {
  const { folder, engine, joinToken, lines } = base;
  return {
    ...{ folder, engine, joinToken },
    builtins: { "tequio:trainer": ["/usr/bin/node", "trainer.js"] },
    version: "0.1.0-test",
    calibrationCommand: ["calibrate"],
    log: (line) => lines.push(line),
    ...given,
    timing: {
      ...{ redialFirstMs: 10, redialMaxMs: 50, handshakeMs: 1_000, joinForMs: 300 },
      ...{ reconcileMs: 30, logPollMs: 10, resendMs: 60_000, inventoryMs: 40 },
      ...{ gemmMs: 20, memoryMs: 20, probeMs: 20 },
      ...given.timing,
    },
  };
}

/** An order to run a lease of one task, or of several. */
export function runOrder(
  leaseId: string,
  given: { jobId?: string; fence?: number; commands?: readonly (readonly string[])[] } = {},
): LeaseOrder {
  const { jobId = "17", fence = 1, commands = [["sleep", "1000"]] } = given;
  const placement = {
    node: "node-a",
    acceleratorIds: ["cpu0"],
    milliCpu: 1_000,
    memoryMiB: 256,
  };
  const env = { FROM_JOB: "yes", TEQUIO_SITE: "forged" };
  const tasks = commands.map((command) => ({
    ...{ group: "main", command: [...command], env, placement },
  }));
  const start = {
    ...{ walltimeMs: 60_000, project: "physics", user: "ana", jobName: "test" },
    ...{ tasks, taskToken: "task-token-for-tests" },
  };
  return { leaseId, jobId, attempt: 1, fence, want: "run", start };
}

/** An order to stop a lease. */
export const stopOrder = (leaseId: string, graceMs = 500, fence = 1): LeaseOrder => ({
  ...{ leaseId, jobId: "17", attempt: 1, fence, want: "stop" },
  stop: { reason: "The user asked for it.", graceMs },
});
