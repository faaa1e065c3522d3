// The outbox on disk: what was reported survives, damaged ends do no harm, and it stays small.
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Outbox, type ReportEvent } from "./outbox.ts";
import { testFolder } from "./testing/setup.ts";

const say = (): void => {};
const END: ReportEvent = {
  ...{ kind: "ended", exitCode: 0, signal: null, ranMs: 5, endedBy: "itself", message: "" },
};
const lease = (leaseId: string) => ({ leaseId, jobId: "17", fence: 3, tasks: 2 });

test("reports and memories are there again, in their order, without the acknowledged", (t) => {
  const folder = testFolder(t);
  const first = new Outbox(folder, 1, say);
  first.accept(lease("L1"));
  const starting = first.report("L1", 3, { kind: "starting" });
  const running = first.report("L1", 3, { kind: "running" });
  first.accept(lease("L2"));
  const end = first.report("L2", 3, END);
  first.ack([starting.reportId, "unknown"]);
  // Read twice, because the first reading rewrites the file.
  new Outbox(folder, 1, say);
  const second = new Outbox(folder, 1, say);
  assert.deepEqual(second.pending, [running, end]);
  assert.deepEqual(second.lease("L1"), { ...lease("L1"), last: "running" });
  assert.deepEqual(second.lease("L2"), { ...lease("L2"), last: "ended", final: end });
  assert.deepEqual(
    second.unfinished().map((one) => one.leaseId),
    ["L1"],
  );
  assert.equal(statSync(join(folder, "outbox.1.jsonl")).mode & 0o777, 0o600);
});

test("an end is remembered after its acknowledgement, for another pool it is not", (t) => {
  const folder = testFolder(t);
  const first = new Outbox(folder, 1, say);
  const end = first.report("L1", 3, END);
  first.ack([end.reportId]);
  const second = new Outbox(folder, 1, say);
  assert.deepEqual(second.pending, []);
  assert.deepEqual(second.repeat("L1"), end);
  assert.deepEqual(second.pending, [end]);
  assert.equal(new Outbox(folder, 2, say).lease("L1"), undefined);
});

test("a line that a crash cut off is skipped and costs no other line", (t) => {
  const folder = testFolder(t);
  const first = new Outbox(folder, 1, say);
  const end = first.report("L1", 3, END);
  appendFileSync(join(folder, "outbox.1.jsonl"), '{"k":"report","rep');
  const second = new Outbox(folder, 1, say);
  const other = second.report("L2", 3, END);
  assert.deepEqual(new Outbox(folder, 1, say).pending, [end, other]);
});

test("a file that cannot be written is written when it can again", (t) => {
  const folder = testFolder(t);
  const path = join(folder, "outbox.1.jsonl");
  const outbox = new Outbox(folder, 1, say);
  // A folder in the place of the file fails for root too, which permissions do not.
  rmSync(path);
  mkdirSync(path);
  const first = outbox.report("L1", 3, END);
  assert.deepEqual(outbox.pending, [first]);
  rmSync(path, { recursive: true });
  const second = outbox.report("L2", 3, END);
  assert.deepEqual(new Outbox(folder, 1, say).pending, [first, second]);
});

test("the file and the memory of old leases stay bounded, unheard reports stay", (t) => {
  const folder = testFolder(t);
  const bounds = { ENDED_KEPT_MAX: 20, LINES_MAX: 50 };
  const outbox = new Outbox(folder, 1, say, bounds);
  const unheard = outbox.report("L-unheard", 1, END);
  for (let count = 0; count < 100; count += 1) {
    outbox.ack([outbox.report(`L${count}`, 1, END).reportId]);
  }
  const lines = readFileSync(join(folder, "outbox.1.jsonl"), "utf8").split("\n").length;
  assert.ok(lines <= 52, `${lines} lines`);
  const again = new Outbox(folder, 1, say, bounds);
  assert.deepEqual(again.pending, [unheard]);
  assert.equal(again.lease("L0"), undefined);
  assert.notEqual(again.lease("L99"), undefined);
});
