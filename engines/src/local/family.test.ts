// Which processes belong together, and that no processor time is lost or counted twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuMeter, familyOf } from "./family.ts";
import { type ProcessRow, parsePs, parsePsTime, parseStat, readProcess } from "./processes.ts";

function row(pid: number, given: Partial<ProcessRow> = {}): ProcessRow {
  const base = { pid, startedAt: `s${pid}`, parentPid: 1, group: pid, session: pid };
  return { ...base, zombie: false, ownMs: 0, waitedMs: 0, ...given };
}

test("group, session, descent, memory and mark each make a process belong", () => {
  const rows = [
    row(10),
    row(11, { group: 10 }),
    row(12, { session: 10 }),
    row(13, { parentPid: 11 }),
    row(14, { parentPid: 13 }),
    row(15),
    row(16),
    row(17),
  ];
  const known = new Set(["15@s15", "17@another-start"]);
  const found = familyOf(rows, new Set([10]), known, (asked) => asked.pid === 16);
  assert.deepEqual(
    found.map((one) => one.pid),
    [10, 11, 12, 13, 14, 15, 16],
  );
});

test("a circle of parents ends", () => {
  const rows = [row(1, { parentPid: 2 }), row(2, { parentPid: 1 })];
  assert.deepEqual(
    familyOf(rows, new Set([9]), new Set(), () => false),
    [],
  );
});

test("a child's time counts once when its parent waits for it", () => {
  const meter = cpuMeter();
  assert.equal(meter.observe([row(1, { ownMs: 100 }), row(2, { ownMs: 50 })]), 150);
  assert.equal(meter.observe([row(1, { ownMs: 110, waitedMs: 70 })]), 180);
});

test("a child's time counts once when the parent's counter follows a reading later", () => {
  const meter = cpuMeter();
  meter.observe([row(1), row(2, { ownMs: 50 })]);
  assert.equal(meter.observe([row(1)]), 50);
  assert.equal(meter.observe([row(1, { waitedMs: 60 })]), 60);
});

test("a child that nobody waits for keeps its time in the total", () => {
  const meter = cpuMeter();
  meter.observe([row(1), row(2, { ownMs: 50 })]);
  meter.observe([row(1)]);
  meter.observe([row(1)]);
  assert.equal(meter.observe([row(1, { waitedMs: 30 })]), 80);
});

test("a child that came and went between two readings is found in its parent", () => {
  const meter = cpuMeter();
  meter.observe([row(1)]);
  assert.equal(meter.observe([row(1, { waitedMs: 40 })]), 40);
});

test("a line of /proc is read although the name holds brackets and spaces", () => {
  const line =
    "5376 (a) R (b c) S 5371 5370 4795 0 -1 4194304 98 0 0 0 12 3 40 5 20 0 1 0 79963 31 3";
  assert.deepEqual(parseStat(line), {
    pid: 5376,
    startedAt: "79963",
    parentPid: 5371,
    group: 5370,
    session: 4795,
    zombie: false,
    ownMs: 150,
    waitedMs: 450,
  });
  assert.equal(parseStat("not a line"), undefined);
});

test("output of ps is read with its times", () => {
  const output =
    "    1     0     1 Ss     0:03.25 Mon Nov 16 08:00:01 2026\n" +
    "  742     1   742 Z+  1-02:03:04 Sun Nov 22 12:00:00 2026\n";
  const rows = parsePs(output);
  assert.deepEqual(
    rows.map((one) => [one.pid, one.group, one.zombie, one.ownMs]),
    [
      [1, 1, false, 3_250],
      [742, 742, true, 93_784_000],
    ],
  );
  assert.equal(rows[1]?.startedAt, "Sun Nov 22 12:00:00 2026");
  assert.equal(parsePsTime("1:02:03"), 3_723_000);
});

test("this very process is found", () => {
  const self = readProcess(process.pid);
  assert.equal(self?.pid, process.pid);
  assert.equal(self?.parentPid, process.ppid);
});
