// The statement's file keeps every figure whole, and the groups add up to the lines.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatementLine } from "@tequio/contract";
import { groupLines, statementCsv } from "./csv.ts";

const line = (changes: Partial<StatementLine>): StatementLine => ({
  member: "north",
  project: "default",
  jobId: "1",
  jobName: "job",
  kind: "batch",
  attempts: 1,
  deviceMs: 1_001,
  cpuMs: 2,
  tokens: 3,
  rounds: 4,
  bytesUp: 5,
  bytesDown: 6,
  microCredits: 7,
  ...changes,
});

test("a cell with commas, quotes or line ends is quoted, and no cell is a formula", () => {
  const csv = statementCsv({ lines: [line({ jobName: 'a,"b"\n' }), line({ jobName: "=1+1" })] });
  assert.ok(csv.startsWith("member,project,jobId,jobName,kind,"));
  assert.ok(csv.includes('north,default,1,"a,""b""\n",batch,1,1001,2,3,4,5,6,7\r\n'));
  assert.ok(csv.includes(",'=1+1,"));
});

test("groups add up to all lines, whichever way they are cut", () => {
  const lines = [
    line({}),
    line({ member: "south", deviceMs: 10, microCredits: -3 }),
    line({ project: "climate", deviceMs: 100 }),
  ];
  for (const by of ["member", "project"] as const) {
    const groups = groupLines(lines, by);
    assert.equal(groups.length, 2);
    assert.equal(
      groups.reduce((sum, group) => sum + group.deviceMs, 0),
      1_111,
    );
    assert.equal(
      groups.reduce((sum, group) => sum + group.microCredits, 0),
      11,
    );
  }
});
