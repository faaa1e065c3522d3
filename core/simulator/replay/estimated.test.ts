// Tests of the replay that backfills on learned run times, and of the starts that it tells.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chanceOf } from "../../pool/index.ts";
import { replayEstimated, type TimedJob } from "./estimated.ts";

const MINUTE_MS = 60_000;

const job = (submitMs: number, devices: number, runMs: number, walltimeMs = runMs): TimedJob => ({
  ...{ submitMs, devices, runMs, walltimeMs },
  ...{ project: "lab", user: "eva", name: "job" },
});

test("jobs that wait are told when they start, and start when what is before them is over", () => {
  const told = replayEstimated([job(0, 2, 100), job(1, 2, 50), job(2, 1, 50)], 2, 1);
  assert.deepEqual(
    told.map(({ submitMs, startMs }) => [submitMs, startMs]),
    [
      [1, 100],
      [2, 150],
    ],
  );
});

test("what should be over before the first blocked job passes it, what should not waits", () => {
  const first = [job(0, 3, 100), job(1, 4, 100)];
  const short = replayEstimated([...first, job(2, 1, 50)], 4, 1);
  assert.equal(short.length, 1, "the short one did not wait");
  const long = replayEstimated([...first, job(2, 1, 500)], 4, 1);
  assert.deepEqual(
    long.map(({ startMs }) => startMs),
    [100, 200],
  );
});

test("of jobs like those before them about four in five start within their interval", () => {
  const chance = chanceOf(21);
  const names = ["a", "b", "c", "d", "e", "f"];
  let submitMs = 0;
  const jobs = Array.from({ length: 3_000 }, (): TimedJob => {
    submitMs += Math.round(chance.next() * 18 * MINUTE_MS);
    const kind = chance.whole(0, names.length - 1);
    const runMs = Math.round((kind + 1) * 15 * MINUTE_MS * Math.exp(chance.next() * 2 - 1));
    const base = { submitMs, runMs, walltimeMs: 24 * 60 * MINUTE_MS, devices: 1 << (kind % 4) };
    return { ...base, project: "lab", user: `u${kind % 3}`, name: names[kind]! };
  });
  const told = replayEstimated(jobs, 32, 10);
  const within = told.filter(
    ({ startMs, interval: [early, , late] }) => early <= startMs && startMs <= late,
  );
  const share = within.length / told.length;
  assert.ok(told.length > 40, `jobs wait: ${told.length}`);
  assert.ok(share > 0.65 && share < 0.97, `${share}`);
});
