// The jobs: their script is run for real, and what it wrote is read back as evidence.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { JobWire } from "@tequio/contract";
import { chanceOf } from "@tequio/core/simulator";
import { parseEvidence, readEvidence } from "./evidence.ts";
import { drawJobs, JOB_SCRIPT, wireOf } from "./jobs.ts";

const folder = mkdtempSync(join(tmpdir(), "tequio-kill-jobs-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const script = join(folder, "job.sh");
writeFileSync(script, JOB_SCRIPT);

function start(file: string, hundredths: number, how: string, code: number, attempt = 1) {
  const args = [script, file, String(hundredths), how, String(code)];
  const env = { ...process.env, TEQUIO_JOB_ID: "17", TEQUIO_ATTEMPT: String(attempt) };
  return spawn("/bin/sh", args, { env, stdio: "ignore" });
}

for (const how of ["sleep", "spin"]) {
  test(`a job that only does ${how} says how long it lived and ends with its code`, async () => {
    const file = join(folder, how);
    const child = start(file, 45, how, 3);
    const [code] = await once(child, "exit");
    assert.equal(code, 3);
    const [one, ...more] = parseEvidence(readFileSync(file, "utf8"));
    assert.deepEqual(more, []);
    assert.equal(one?.pid, child.pid);
    assert.equal(one?.jobId, "17");
    assert.equal(one?.finished, true);
    const livedMs = one!.lastMs - one!.begunMs;
    assert.ok(livedMs >= 450 && livedMs < 2_000, `${livedMs} ms`);
  });
}

test("a job that is killed has not finished, and its next attempt stands beside it", async () => {
  const file = join(folder, "killed");
  const child = start(file, 3_000, "sleep", 0);
  await sleep(500);
  child.kill("SIGKILL");
  await once(child, "exit");
  await once(start(file, 1, "sleep", 0, 2), "exit");
  const attempts = parseEvidence(readFileSync(file, "utf8"));
  assert.deepEqual(
    attempts.map(({ attempt, finished }) => [attempt, finished]),
    [
      [1, false],
      [2, true],
    ],
  );
  const livedMs = attempts[0]!.lastMs - attempts[0]!.begunMs;
  assert.ok(livedMs >= 200, `it said within ${livedMs} ms that it lives`);
  assert.ok(attempts[1]!.begunMs >= attempts[0]!.lastMs);
});

test("a line that is torn is told of, not passed over", () => {
  assert.throws(() => parseEvidence("start 1 1 42 100 100\ntick 1 1 4"), /not a line of evidence/);
  assert.equal(readEvidence(mkdtempSync(join(folder, "empty-"))).length, 0);
});

test("the same seed draws the same jobs, each of them one that the pool takes", () => {
  const jobs = drawJobs(chanceOf(5), 500, true);
  assert.deepEqual(jobs, drawJobs(chanceOf(5), 500, true));
  for (const job of jobs) JobWire.parse(wireOf(job, script, join(folder, String(job.index))));
  assert.ok(jobs.some((job) => job.lengthMs >= 50_000));
  assert.ok(drawJobs(chanceOf(5), 500, false).every((job) => job.lengthMs <= 20_000));
  for (const fate of ["failed", "timeout", "cancelled"]) {
    assert.ok(
      jobs.some((job) => job.fates.some((one) => one === fate)),
      fate,
    );
  }
});
