// Proves the log files: any order of chunks, restarts, limits, and places that cannot be written.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import fc from "fast-check";
import { testFolder } from "../testing/setup.ts";
import { makeWaker } from "../waker.ts";
import { type LogStore, openLogs } from "./log-store.ts";

const quiet = (): void => {};
const open = (folder: string): LogStore => openLogs(folder, makeWaker(), quiet);
const chunk = (offset: number, text: string, ended = false) => ({
  ...{ leaseId: "L1", task: 0, offset, data: Buffer.from(text), ended, droppedBytes: 0 },
});
const textOf = async (logs: LogStore): Promise<string> =>
  String((await logs.read("L1", 0, 0, 1_000_000)).data);

test("chunks that come twice, late or after a hole leave the log as it was written", async (t) => {
  const folder = testFolder(t);
  let run = 0;
  const chunks = fc.array(fc.tuple(fc.nat(40), fc.nat(15)), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(chunks, async (sent) => {
      run += 1;
      const logs = open(join(folder, String(run)));
      const whole = Buffer.from("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRS");
      let wanted = 0;
      for (const [offset, length] of sent) {
        const data = whole.subarray(offset, offset + length);
        const next = await logs.append({ ...chunk(offset, ""), data });
        if (offset <= wanted) wanted = Math.max(wanted, offset + data.length);
        assert.equal(next, wanted);
      }
      assert.equal(await textOf(logs), String(whole.subarray(0, wanted)));
    }),
    { numRuns: 30 },
  );
});

test("a log goes on after a restart and keeps its end", async (t) => {
  const folder = testFolder(t);
  const first = open(folder);
  assert.equal(await first.append(chunk(0, "hello ")), 6);
  const second = open(folder);
  assert.equal(await second.append(chunk(3, "lo world", true)), 11);
  const third = open(folder);
  const part = await third.read("L1", 0, 6, 100);
  assert.deepEqual([String(part.data), part.nextOffset, part.ended], ["world", 11, true]);
  const middle = await third.read("L1", 0, 0, 5);
  assert.deepEqual([String(middle.data), middle.ended], ["hello", false]);
});

test("what is over the limit is counted and thrown away", async (t) => {
  const logs = open(testFolder(t));
  const data = Buffer.alloc(LIMITS.LOG_BYTES_PER_ATTEMPT_MAX - 10, 97);
  await logs.append({ ...chunk(0, ""), data });
  const next = await logs.append(chunk(data.length, "x".repeat(30)));
  assert.equal(next, data.length + 30);
  const end = await logs.read("L1", 0, data.length, 100);
  assert.deepEqual([end.data.length, end.droppedBytes], [10, 20]);
});

test("a place that cannot be written costs the chunk and nothing else", async (t) => {
  const folder = join(testFolder(t), "logs");
  writeFileSync(folder, "a file in the way");
  const said: string[] = [];
  const logs = openLogs(folder, makeWaker(), (level) => said.push(level));
  assert.equal(await logs.append(chunk(0, "hello")), undefined);
  assert.deepEqual(said, ["warn"]);
  rmSync(folder);
  assert.equal(await logs.append(chunk(0, "hello")), 5);
  assert.equal(await textOf(logs), "hello");
});

test("a reader is woken by news", async (t) => {
  const waker = makeWaker();
  const logs = openLogs(testFolder(t), waker, quiet);
  const woken = waker.wait("log L1 0", 5_000, new AbortController().signal);
  const startedAt = performance.now();
  await logs.append(chunk(0, "a"));
  await woken;
  assert.ok(performance.now() - startedAt < 2_000);
  assert.ok(logs.hasNews("L1", 0, 0));
  assert.ok(!logs.hasNews("L1", 0, 1));
});
