// Leases between pool and engine: nothing is started twice, nothing that ended is lost, whatever
// the connection does and whenever the agent dies.
import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AGENT_TIMING } from "./options.ts";
import { aMoment, runOrder, stopOrder, testFolder, testSite, until } from "./testing/setup.ts";

test("a lease is started with its place, its token and the built-in program", async (t) => {
  const { pool, engine, start } = await testSite(t);
  await start();
  pool.orders = [runOrder("L1", { commands: [["tequio:trainer", "--fast"], ["true"]] })];
  await until("the lease to run", () => pool.kindsOf("L1").includes("running"));
  const lease = engine.starts[0]!;
  assert.deepEqual(lease.tasks[0]?.command, ["/usr/bin/node", "trainer.js", "--fast"]);
  assert.deepEqual(lease.tasks[1]?.command, ["true"]);
  assert.deepEqual(lease.tasks[1]?.env, {
    FROM_JOB: "yes",
    TEQUIO_URL: pool.url,
    TEQUIO_SITE: "alice-1",
    TEQUIO_MEMBER: "alice",
    TEQUIO_JOB_ID: "17",
  });
  assert.deepEqual(lease.tasks[0]?.secretEnv, { TEQUIO_TOKEN: "task-token-for-tests" });
  assert.deepEqual(pool.kindsOf("L1"), ["starting", "running"]);
  engine.end("L1", { exitCode: 0 });
  const end = await until("the end", () => pool.endOf("L1"));
  assert.deepEqual(end, {
    ...{ kind: "ended", exitCode: 0, signal: null, ranMs: 1_234, endedBy: "itself" },
    message: "It ended.",
  });
  await until("the lease to be forgotten", () => engine.forgotten.includes("L1"));
});

test("nothing is started without a right to run, and everything with one", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.acksHeartbeats = false;
  pool.orders = [runOrder("L1")];
  await start();
  await until("the hello", () => pool.connections === 1);
  await aMoment();
  assert.equal(engine.starts.length, 0);
  pool.acksHeartbeats = true;
  await until("the start", () => engine.starts.length === 1);
  assert.ok(engine.deadlines.length > 0);
});

test("the deadline counts from when the heartbeat was sent, by the site's own clock", async (t) => {
  const { pool, engine, start } = await testSite(t);
  // The site's clock has its own zero and runs a tenth too slow against the pool's.
  const zero = performance.now();
  const siteClockMs = () => 9e9 + Math.round((performance.now() - zero) * 0.9);
  pool.leaseForMs = 45_000;
  await start({ siteClockMs });
  await until("some deadlines", () => engine.deadlines.length > 3);
  const sent = new Set(
    pool.received.flatMap((message) => (message.type === "heartbeat" ? [message.clockMs] : [])),
  );
  for (const deadline of engine.deadlines) {
    assert.ok(sent.has(deadline - 45_000), `${deadline} belongs to no heartbeat`);
    assert.ok(deadline <= siteClockMs() + 45_000);
  }
  assert.deepEqual(
    [...engine.deadlines].sort((a, b) => a - b),
    engine.deadlines,
  );
  // A time that the agent never sent gives no right.
  const forged = siteClockMs() + 1_000_000;
  pool.say({ type: "heartbeatAck", clockMs: forged, leaseForMs: 45_000 });
  await aMoment();
  assert.ok(!engine.deadlines.includes(forged + 45_000));
});

test("everything said twice has the effect of saying it once", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.twice = true;
  pool.orders = [runOrder("L1"), runOrder("L2", { jobId: "18", fence: 2 })];
  await start();
  await until("both leases", () => pool.kindsOf("L2").includes("running"));
  engine.write("L1", 0, Buffer.from("one line\n"));
  pool.want(stopOrder("L2", 500, 2));
  await until("the stop", () => pool.endOf("L2"));
  engine.end("L1", { exitCode: 3 });
  await until("both forgotten", () => engine.forgotten.length === 2);
  await aMoment();
  assert.equal(engine.starts.length, 2);
  assert.equal(engine.stops.length, 1);
  assert.deepEqual(pool.kindsOf("L1"), ["starting", "running", "ended"]);
  assert.deepEqual(pool.kindsOf("L2"), ["starting", "running", "ended"]);
  assert.equal(String(pool.logOf("L1").bytes), "one line\n");
});

test("a stop is passed on with its grace, and again only to hasten", async (t) => {
  const { pool, engine, start } = await testSite(t);
  engine.ignoresStop = true;
  pool.orders = [runOrder("L1")];
  await start();
  await until("the start", () => engine.starts.length === 1);
  pool.want(stopOrder("L1", 5_000));
  await until("the stop", () => engine.stops.length === 1);
  pool.want(stopOrder("L1", 8_000));
  await aMoment();
  pool.want(stopOrder("L1", 0));
  await until("the hastened stop", () => engine.stops.length === 2);
  pool.want(runOrder("L1"));
  await aMoment();
  const graces = engine.stops.map((stop) => stop.request.graceMs);
  assert.deepEqual(graces, [5_000, 0]);
  assert.equal(engine.stops[0]?.request.why, "The user asked for it.");
});

test("of two orders for one job only the newer runs, in whatever order they come", async (t) => {
  const { pool, engine, start } = await testSite(t);
  const older = runOrder("L1", { fence: 1 });
  const newer = runOrder("L2", { fence: 2 });
  pool.orders = [older, newer];
  await start();
  await until("the refusal", () => pool.kindsOf("L1").includes("refused"));
  const refusal = pool.reports.find((report) => report.event.kind === "refused");
  assert.equal(refusal?.event.kind === "refused" && refusal.event.code, "LEASE_OUTDATED");
  assert.deepEqual(
    engine.starts.map((lease) => lease.leaseId),
    ["L2"],
  );
  pool.want(older);
  await aMoment();
  assert.deepEqual(engine.live(), ["L2"]);
});

test("a lease that was stopped before it started never starts", async (t) => {
  const { pool, engine, start } = await testSite(t);
  await start();
  await until("the hello", () => pool.connections === 1);
  pool.want(stopOrder("L1"));
  const end = await until("the end", () => pool.endOf("L1"));
  assert.equal(end.endedBy, "stop");
  pool.want(runOrder("L1"));
  await aMoment();
  assert.equal(engine.starts.length, 0);
});

test("an ended lease is reported again with the same report, not started again", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1")];
  await start();
  await until("the start", () => engine.starts.length === 1);
  engine.end("L1", { exitCode: 0 });
  await until("the lease to be forgotten", () => engine.forgotten.includes("L1"));
  pool.reports.length = 0;
  pool.cut(); // the pool has forgotten the end, as after a restart without its last record
  await until("the end again", () => pool.endOf("L1"));
  assert.deepEqual(pool.kindsOf("L1"), ["ended"]);
  assert.equal(engine.starts.length, 1);
});

test("with the complete list every other lease is stopped, and not before it", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1"), runOrder("L2", { jobId: "18", fence: 2 })];
  await start();
  await until("both leases", () => engine.starts.length === 2);
  pool.tellsOrders = false;
  pool.cut();
  await until("the cut", () => pool.dials === 2);
  pool.say({ type: "leases", complete: false, orders: [] });
  await aMoment();
  assert.equal(engine.stops.length, 0);
  pool.say({ type: "leases", complete: true, orders: [runOrder("L1")] });
  await until("the stop", () => engine.stops.length > 0);
  await aMoment();
  assert.deepEqual(engine.live(), ["L1"]);
});

test("a program that the agent does not bring along is refused", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1", { commands: [["tequio:constructor"]] })];
  await start();
  await until("the refusal", () => pool.kindsOf("L1").includes("refused"));
  assert.equal(engine.starts.length, 0);
});

test("a report that a cut swallowed arrives after it, once", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1")];
  await start();
  await until("the start", () => pool.kindsOf("L1").includes("running"));
  pool.orders = []; // an order for the lease would bring its end out too
  pool.cutsAt = (message) =>
    message.type === "reports" && message.reports.some(({ event }) => event.kind === "ended");
  engine.end("L1", { exitCode: 1 });
  const end = await until("the end after the cut", () => pool.endOf("L1"));
  assert.equal(end.exitCode, 1);
  assert.equal(pool.cutsAt, undefined);
  assert.deepEqual(pool.kindsOf("L1"), ["starting", "running", "ended"]);
});

test("a report without an answer is sent again over the same connection", async (t) => {
  const { pool, start } = await testSite(t);
  pool.acksReports = false;
  pool.orders = [runOrder("L1", { commands: [["tequio:unknown"]] })];
  await start({ timing: { resendMs: 40 } });
  await until("the report twice", () => pool.reports.length >= 2);
  assert.equal(pool.reports[0]?.reportId, pool.reports[1]?.reportId);
  assert.equal(pool.dials, 1);
  pool.acksReports = true;
  const before = pool.reports.length;
  await until("the report that is answered", () => pool.reports.length > before);
  await aMoment();
  const { length } = pool.reports;
  await aMoment();
  assert.equal(pool.reports.length, length);
});

test("a lease that its deadline ended while cut off is told after the cut", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1")];
  const agent = await start();
  await until("the start", () => pool.kindsOf("L1").includes("running"));
  await pool.close();
  await until("the cut", () => !agent.connected());
  assert.deepEqual(engine.live(), ["L1"]);
  engine.end("L1", { endedBy: "deadline", signal: "SIGTERM" });
  await aMoment();
  await pool.open();
  const end = await until("the end", () => pool.endOf("L1"));
  assert.equal(end.endedBy, "deadline");
});

test("a killed agent's reports and leases are found by the next one", async (t) => {
  const { pool, engine, folder, start } = await testSite(t);
  pool.orders = [runOrder("L1"), runOrder("L2", { jobId: "18", fence: 2 })];
  const first = await start();
  await until("both leases", () => pool.kindsOf("L2").includes("running"));
  pool.acksReports = false;
  engine.end("L1", { exitCode: 9 });
  const told = await until("the end", () =>
    pool.reports.find((report) => report.event.kind === "ended"),
  );
  // A copy of the folder at this moment is what a kill would leave behind.
  const copy = testFolder(t);
  cpSync(folder, copy, { recursive: true });
  rmSync(join(copy, "agent.lock"));
  await first.stop();
  engine.lose("L1"); // even if the engine forgot it
  pool.reports.length = 0;
  pool.acksReports = true;
  await start({ folder: copy });
  const again = await until("the end again", () =>
    pool.reports.find((report) => report.event.kind === "ended"),
  );
  assert.deepEqual(again, told);
  engine.end("L2", { exitCode: 0 });
  await until("the other end", () => pool.endOf("L2"));
  assert.equal(engine.starts.length, 2);
});

test("a lease of which the engine has no trace is told as lost, not started again", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1")];
  await start();
  await until("the start", () => pool.kindsOf("L1").includes("running"));
  engine.lose("L1");
  const end = await until("the end", () => pool.endOf("L1"));
  assert.equal(end.endedBy, "lost");
  assert.equal(engine.starts.length, 1);
});

test("a stop keeps the jobs, unless they are to be stopped first", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1")];
  const first = await start();
  await until("the start", () => engine.starts.length === 1);
  await first.stop();
  assert.deepEqual(engine.live(), ["L1"]);
  const second = await start();
  await until("the welcome", () => second.connected());
  await second.stop({ keepJobs: false });
  assert.deepEqual(engine.live(), []);
  assert.equal(pool.endOf("L1")?.endedBy, "stop");
  assert.equal(engine.starts.length, 1);
});

test("a folder that joined again keeps old and new leases apart", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1", { fence: 900 })];
  const first = await start();
  await until("the start", () => pool.kindsOf("L1").includes("running"));
  await first.stop();
  pool.sites.clear();
  pool.reports.length = 0;
  pool.orders = [runOrder("L1", { fence: 1 })];
  await start({ joinToken: pool.invite() });
  await until("the new lease", () => pool.kindsOf("L1").includes("running"));
  assert.deepEqual(pool.kindsOf("L1"), ["starting", "running"]);
  assert.deepEqual(
    engine.stops.map((stop) => stop.leaseId),
    ["L1"],
  );
  assert.deepEqual(engine.live(), ["L1.g2"]);
  assert.equal(engine.starts[1]?.tasks[0]?.secretEnv?.TEQUIO_JOB_ID, "17");
});

test("an inventory that changes is told again, one that stays is not", async (t) => {
  const { pool, engine, start } = await testSite(t);
  await start();
  const told = () => pool.received.filter((message) => message.type === "inventory");
  await until("the inventory", () => told().length === 1);
  await aMoment();
  assert.equal(told().length, 1);
  engine.nodes = [];
  await until("the new inventory", () => told().length === 2);
  assert.deepEqual(told()[1]?.nodes, []);
});

test("the times of a real agent keep the measuring below five seconds", () => {
  const { gemmMs, memoryMs, probeMs } = AGENT_TIMING;
  assert.ok(gemmMs + memoryMs + 2 * probeMs <= 4_000);
});
