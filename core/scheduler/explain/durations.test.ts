// Tests of the words for lengths of time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { aboutLong, timeLimit } from "./durations.ts";

const MINUTE_MS = 60_000;

test("lengths are told in the unit that people would use", () => {
  const told = [0.01, 0.5, 1, 20, 60, 89, 120, 720, 2_880, 5_760].map((m) =>
    aboutLong(m * MINUTE_MS),
  );
  assert.deepEqual(told, [
    ...["less than a second", "30 seconds", "1 minute", "20 minutes", "1 hour", "89 minutes"],
    ...["2 hours", "12 hours", "2 days", "4 days"],
  ]);
});

test("time limits are written as a job file takes them", () => {
  const written = [1, 90, 120, 1_440, 2_880].map((minutes) => timeLimit(minutes * MINUTE_MS));
  assert.equal(aboutLong(150 * MINUTE_MS), "2.5 hours");
  assert.deepEqual(written, ["1m", "90m", "2h", "1d", "2d"]);
});
