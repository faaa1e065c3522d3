// Logs reach the pool byte by byte, however often the connection or an agent is replaced, and a
// slow pool is not flooded.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { aMoment, runOrder, type TestSite, testSite, until } from "./testing/setup.ts";

async function oneLease(site: TestSite, commands: readonly (readonly string[])[] = [["a"]]) {
  site.pool.orders = [runOrder("L1", { commands })];
  await site.start();
  await until("the start", () => site.engine.starts.length === 1);
}

test("a log of any bytes arrives whole, in chunks, with its end and what it lost", async (t) => {
  const site = await testSite(t);
  const { pool, engine } = site;
  await oneLease(site, [["a"], ["b"]]);
  const bytes = randomBytes(200_000);
  engine.write("L1", 0, bytes.subarray(0, 1_000));
  await until("the first bytes", () => pool.logOf("L1").bytes.length === 1_000);
  engine.write("L1", 0, bytes.subarray(1_000));
  engine.write("L1", 1, Buffer.from("other task\n"));
  engine.end("L1", { exitCode: 0 });
  await until("the end of the log", () => pool.logOf("L1").ended && pool.logOf("L1", 1).ended);
  assert.ok(pool.logOf("L1").bytes.equals(bytes));
  assert.equal(String(pool.logOf("L1", 1).bytes), "other task\n");
  assert.equal(pool.logOf("L1").droppedBytes, 7);
  assert.equal(pool.corrected, 0);
  for (const message of pool.received) {
    if (message.type !== "log") continue;
    assert.ok(Buffer.from(message.data, "base64").length <= 65_536);
  }
});

test("a log goes on where the pool has it, after cuts and with a new agent", async (t) => {
  const site = await testSite(t);
  const { pool, engine } = site;
  pool.orders = [runOrder("L1")];
  const first = await site.start();
  await until("the start", () => engine.starts.length === 1);
  const bytes = randomBytes(90_000);
  pool.cutsAt = (message) => message.type === "log";
  engine.write("L1", 0, bytes.subarray(0, 30_000));
  await until("the bytes after the cut", () => pool.logOf("L1").bytes.length === 30_000);
  await first.stop();
  engine.write("L1", 0, bytes.subarray(30_000, 60_000));
  await site.start();
  await until("the bytes of the new agent", () => pool.logOf("L1").bytes.length === 60_000);
  assert.ok(pool.corrected > 0, "the new agent learned the offset from the pool");
  engine.write("L1", 0, bytes.subarray(60_000));
  engine.end("L1", { exitCode: 0 });
  await until("the end of the log", () => pool.logOf("L1").ended);
  assert.ok(pool.logOf("L1").bytes.equals(bytes));
});

test("at most four chunks fly without an answer", async (t) => {
  const site = await testSite(t);
  const { pool, engine } = site;
  pool.acksLogs = false;
  await oneLease(
    site,
    Array.from({ length: 7 }, () => ["a"]),
  );
  for (let task = 0; task < 7; task += 1) engine.write("L1", task, randomBytes(10));
  await until("some chunks", () => flown(site) === 4);
  await aMoment();
  assert.equal(flown(site), 4);
  pool.acksLogs = true;
  pool.cut();
  await until("all chunks", () =>
    Array.from({ length: 7 }, (_, task) => task).every(
      (task) => pool.logOf("L1", task).bytes.length === 10,
    ),
  );
});

const flown = (site: TestSite): number =>
  site.pool.received.filter((message) => message.type === "log").length;

test("a lease is forgotten only when its end and all its log are with the pool", async (t) => {
  const site = await testSite(t);
  const { pool, engine } = site;
  pool.acksReports = false;
  pool.acksLogs = false;
  await oneLease(site);
  engine.write("L1", 0, Buffer.from("text"));
  engine.end("L1", { exitCode: 0 });
  await until("the end", () => pool.endOf("L1"));
  await aMoment();
  pool.acksReports = true;
  pool.cut();
  await aMoment();
  assert.deepEqual(engine.forgotten, []);
  pool.acksLogs = true;
  pool.cut();
  await until("the lease to be forgotten", () => engine.forgotten.includes("L1"));
  assert.ok(pool.logOf("L1").ended);
});

test("a log that the pool never takes is given up in the end", async (t) => {
  const site = await testSite(t);
  const { pool, engine } = site;
  pool.acksLogs = false;
  pool.orders = [runOrder("L1")];
  await site.start({ timing: { logGiveUpMs: 100, resendMs: 30 } });
  await until("the start", () => engine.starts.length === 1);
  engine.write("L1", 0, Buffer.from("text"));
  engine.end("L1", { exitCode: 0 });
  await until("the lease to be forgotten", () => engine.forgotten.includes("L1"));
  assert.ok(site.lines.some((line) => line.includes("does not take the log")));
});
