// Tests of snapshots that are made while the pool goes on, and of the lines of the queue, which
// are kept up as events are applied and must be what the state alone would give.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { longActs, world } from "./arbitraries.testing.ts";
import { encodeState, type State } from "./index.ts";
import { QueueIndex, queueOf, waitingOf } from "./queue-index.ts";
import { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import { Story, spec } from "./story.testing.ts";

const RUNS = { numRuns: 100, seed: 20_261_122 };

function readAll(lines: readonly string[]): State {
  const reader = new SnapshotReader();
  for (const line of lines) reader.take(line);
  return reader.state;
}

test("a snapshot tells of the moment it was begun, whatever happens until it is complete", () => {
  let changed = 0;
  const check = fc.property(longActs, longActs, fc.nat(6), (before, during, pace) => {
    const story = world();
    for (const act of before) act(story);
    const then = encodeState(story.state);
    const writer = new SnapshotWriter(story.state);
    assert.equal(writer.seq, story.state.seq);
    const lines: string[] = [];
    const write = (): boolean => {
      const line = writer.next();
      if (line !== undefined) lines.push(line);
      return line !== undefined;
    };
    for (const [i, act] of during.entries()) {
      act(story);
      if (i % (pace + 1) === 0) write();
    }
    while (write());
    if (encodeState(story.state) !== then) changed += 1;
    assert.equal(encodeState(readAll(lines)), then);
  });
  fc.assert(check, RUNS);
  assert.ok(changed > 50, `the pool went on meanwhile: ${changed}`);
});

test("tasks of an array share one description in the state and in its snapshot", () => {
  const story = new Story(1);
  const array = { indices: Array.from({ length: 1_200 }, (_, i) => i), maxRunning: 3 };
  story.ok({ type: "submit", spec: spec(), array, key: null });
  story.ok({ type: "schedule" });
  const writer = new SnapshotWriter(story.state);
  const lines: string[] = [];
  for (let line = writer.next(); line !== undefined; line = writer.next()) lines.push(line);
  const state = readAll(lines);
  assert.equal(encodeState(state), encodeState(story.state));
  assert.equal(new Set([...state.jobs.values()].map((job) => job.spec)).size, 1);
});

const linesOf = (index: QueueIndex): string[] =>
  [...index.lines.values()]
    .map((line) => {
      const ids = [...waitingOf(line)].map(({ jobId }) => jobId);
      assert.equal(ids.length, line.live);
      return `${line.key}: ${ids.join(" ")}`;
    })
    .sort();

test("the lines of the queue are at every moment what the state alone gives", () => {
  let waiting = 0;
  const check = fc.property(longActs, (sequence) => {
    const story = world();
    queueOf(story.state);
    for (const act of sequence) {
      act(story);
      const kept = queueOf(story.state);
      const fresh = new QueueIndex(story.state);
      waiting += fresh.lines.size;
      assert.deepEqual(linesOf(kept), linesOf(fresh));
      assert.deepEqual(kept.ended, fresh.ended);
      assert.deepEqual(
        [...kept.singles].map(({ jobId }) => jobId).sort(),
        [...fresh.singles].map(({ jobId }) => jobId).sort(),
      );
    }
  });
  fc.assert(check, RUNS);
  assert.ok(waiting > 300, `the sample has queues: ${waiting}`);
});
