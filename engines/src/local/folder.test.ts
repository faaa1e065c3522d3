// What is found in an engine's folder after things went wrong: fences, and leases whose
// supervisor never came or belonged to another start of the machine.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { siteClockMs } from "../clock.ts";
import { localEngine } from "./engine.ts";
import { openFences } from "./fences.ts";
import { identify, readBootId } from "./processes.ts";
import {
  type LeaseRecord,
  leaseFile,
  leaseFolder,
  makeFolder,
  type RunningRecord,
  readRecord,
  runningFile,
  type StopRecord,
  shimLogFile,
  stopFile,
  writeRecord,
} from "./records.ts";
import { statusOf } from "./status.ts";

function temporary(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tequio-folder-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const LEASE: LeaseRecord = {
  leaseId: "l1",
  jobId: "j1",
  attempt: 1,
  fence: 5,
  walltimeMs: 1_000,
  graceMs: 0,
  logBytesMax: 1_000,
  milliCpu: 100,
  purpose: "lease",
  tasks: [{ taskIndex: 0, command: ["true"], env: {} }],
};

/** A supervisor's record as of a start of the machine. */
const runningOf = (bootId: string): RunningRecord => ({
  bootId,
  shim: identify(process.pid) ?? { pid: 0, startedAt: "" },
  groups: [],
  startedAtMs: siteClockMs() - 700,
  ranMs: 600,
  cpuTimeMs: 300,
  dropped: [],
});

test("fences are kept over restarts, and a floor stands for the oldest jobs", (context) => {
  const folder = temporary(context);
  const fences = openFences(folder, [{ jobId: "found", fence: 3 }]);
  assert.deepEqual([fences.highest("found"), fences.highest("new")], [3, 0]);
  for (let fence = 10; fence < 2_100; fence += 1) {
    if (fence % 300 === 0) fences.see(`job-${fence}`, fence);
  }
  const leases = Array.from({ length: 2_500 }, (_, place) => ({
    jobId: `many-${place}`,
    fence: 10_000 + place,
  }));
  const grown = openFences(folder, leases);
  grown.see("last", 20_000);
  const again = openFences(folder, []);
  assert.equal(again.highest("last"), 20_000);
  assert.equal(again.highest("many-2499"), 12_499);
  // The oldest are not listed any more, but what they saw is refused all the same.
  assert.ok(again.highest("job-300") >= 300);
  assert.ok(again.highest("many-0") >= 10_000);
  assert.ok(again.highest("many-2499") > again.highest("never seen"));
});

test("a supervisor that never came is told to stop before its lease is refused", (context) => {
  const folder = temporary(context);
  const nowMs = siteClockMs();
  const state = (sinceMs: number) => statusOf(folder, LEASE, { sinceMs, shimEnded: false }).state;
  assert.equal(state(nowMs), "starting");
  assert.equal(state(nowMs - 16_000), "starting");
  assert.equal(readRecord<StopRecord>(stopFile(folder))?.graceMs, 0);
  assert.equal(state(nowMs - 31_000), "ended");
});

test("a supervisor that could not start ends its lease with its last words", (context) => {
  const folder = temporary(context);
  writeFileSync(shimLogFile(folder), "Error: no such thing\n  at line 3\n");
  const status = statusOf(folder, LEASE, { sinceMs: siteClockMs(), shimEnded: true });
  assert.ok(status.state === "ended" && status.endedBy === "refused");
  assert.match(status.message, /no such thing at line 3/);
});

test("a lease of another start of the machine is lost, with the time it had run", (context) => {
  const folder = temporary(context);
  writeRecord(runningFile(folder), runningOf("another boot"), false);
  const status = statusOf(folder, LEASE, { sinceMs: 0, shimEnded: false });
  assert.ok(status.state === "ended" && status.endedBy === "lost");
  assert.deepEqual([status.ranMs, status.exitCode, status.signal], [600, null, null]);
});

test("a lease with a live supervisor runs, and is stopping once that was asked", (context) => {
  const folder = temporary(context);
  writeRecord(runningFile(folder), runningOf(readBootId()), false);
  const status = () => statusOf(folder, LEASE, { sinceMs: 0, shimEnded: false });
  const running = status();
  assert.ok(running.state === "running" && running.ranMs >= 700);
  writeRecord(stopFile(folder), { graceMs: 10_000, why: "test" }, false);
  assert.equal(status().state, "stopping");
});

test("an agent that died amid a start leaves nothing that runs twice", async (context) => {
  const folder = temporary(context);
  const lease = leaseFolder(folder, LEASE.leaseId);
  makeFolder(lease); // the folder was in place, but neither fence nor supervisor were
  writeRecord(leaseFile(lease), LEASE, false);
  mkdirSync(join(folder, "leases", ".new-half"));
  const engine = localEngine({ folder, nodeName: "here", lend: { gpus: 0 } });
  const statuses = await engine.list();
  assert.deepEqual(
    statuses.map((status) => [status.leaseId, status.state]),
    [["l1", "starting"]],
  );
  const placement = { node: "here", acceleratorIds: [], milliCpu: 1, memoryMiB: 1 };
  const tasks = [{ taskIndex: 0, command: ["true"], env: {}, placement }];
  const other = { ...LEASE, leaseId: "l2", taskCount: 1, tasks };
  const outcome = await engine.start(other);
  assert.ok(!outcome.ok && outcome.code === "LEASE_OUTDATED", "its fence was not seen");
  await engine.close();
});
