// Helpers for tests that work with an engine: make a lease, wait for what becomes of it, read its
// log. They leave what must be true to the tests.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Node, Outcome } from "@tequio/core/pool";
import { siteClockMs } from "./clock.ts";
import type { EndedLease, Engine, LeaseStart, LeaseStatus, TaskStart } from "./port.ts";

/** How long anything may take that takes well under a second on an idle machine. */
export const PATIENCE_MS = 30_000;
const POLL_MS = 20;

let leases = 0;

/** A lease of shell scripts, one a task, with the right ids and its own job. */
export function leaseOf(
  node: Node,
  scripts: readonly string[],
  given: Partial<LeaseStart> = {},
): LeaseStart {
  leases += 1;
  const [accelerator] = node.accelerators;
  const tasks = scripts.map((script, taskIndex): TaskStart => {
    const acceleratorIds = taskIndex === 0 && accelerator !== undefined ? [accelerator.id] : [];
    const placement = { node: node.name, acceleratorIds, milliCpu: 100, memoryMiB: 64 };
    return { taskIndex, command: ["sh", "-c", script], env: {}, placement };
  });
  const ids = { leaseId: `lease-${leases}`, jobId: `job-${leases}`, attempt: 1, fence: leases };
  return { ...ids, taskCount: scripts.length, walltimeMs: 60_000, graceMs: 500, tasks, ...given };
}

/** Waits until `look` gives something; fails after a long while. */
export async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const untilMs = siteClockMs() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(siteClockMs() < untilMs, `waited too long for ${what}`);
    await sleep(POLL_MS);
  }
}

/** The status of one lease, if the engine has it. */
export async function find(engine: Engine, leaseId: string): Promise<LeaseStatus | undefined> {
  return (await engine.list()).find((status) => status.leaseId === leaseId);
}

/** Waits for the end of a lease. */
export function endOf(engine: Engine, leaseId: string): Promise<EndedLease> {
  return waitFor(`the end of ${leaseId}`, async () => {
    const status = await find(engine, leaseId);
    return status?.state === "ended" ? status : undefined;
  });
}

/** The value of an outcome that must be good. */
export function must<T>(outcome: Outcome<T>): T {
  assert.ok(outcome.ok, outcome.ok ? "" : `${outcome.code}: ${outcome.message}`);
  return outcome.value;
}

/** The whole log of a task so far. */
export async function textOf(engine: Engine, leaseId: string, taskIndex = 0): Promise<string> {
  const request = { taskIndex, offset: 0, maxBytes: 65_536 };
  return new TextDecoder().decode(must(await engine.log(leaseId, request)).bytes);
}

/** Waits until a task's log holds a text. */
export async function waitForText(engine: Engine, leaseId: string, text: string): Promise<void> {
  await waitFor(`"${text}" in the log`, async () => {
    return (await textOf(engine, leaseId)).includes(text) || undefined;
  });
}
