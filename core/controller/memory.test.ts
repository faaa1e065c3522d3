// The scheduler's memory beside the state: learned from events, and made anew from the jobs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spec } from "../scheduler/fixtures.testing.ts";
import { submit, submitArray } from "./apply-submit.ts";
import { memoryOf } from "./memory.ts";
import { emptyState } from "./state.ts";

const wide = spec({ accelerators: 8 });
const narrow = spec({ accelerators: 1 });

function submitAll(state: ReturnType<typeof emptyState>): void {
  for (let job = 1; job <= 20; job += 1) {
    const event = { jobId: `${job}`, spec: wide, place: null, key: null };
    submit(state, { type: "job.submitted", ...event }, 0);
  }
  const indices = Array.from({ length: 60 }, (_, index) => index);
  const array = { arrayId: "21", indices, maxRunning: 60, spec: narrow, key: null };
  submitArray(state, { type: "array.submitted", ...array }, 0);
}

test("a memory asked for after the jobs came knows the mix of one that saw them come", () => {
  const [before, after] = [emptyState(), emptyState()];
  const seen = memoryOf(before);
  submitAll(before);
  submitAll(after);
  const made = memoryOf(after);
  assert.notEqual(made, seen);
  const counts = made.arrivals.mix.map(({ resources, count }) => [resources.accelerators, count]);
  assert.deepEqual(counts, [
    [8, 20],
    [1, 60],
  ]);
  assert.deepEqual(seen.arrivals.mix, made.arrivals.mix);
});
