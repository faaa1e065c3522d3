// Tests of the owner's terms at the site: with an engine in memory what is refused and what is
// stopped, and with the real local engine that machines are free in time while the pool is away.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { LeaseOrder, TermsMessage, TermsWire } from "@tequio/contract";
import { parseHours } from "@tequio/core/pool";
import { localEngine } from "@tequio/engines/local";
import { runAgent } from "./run.ts";
import { Terms } from "./terms.ts";
import { FakePool } from "./testing/pool.ts";
import { aMoment, runOrder, testOptions, testSite, until } from "./testing/setup.ts";

const HOUR_MS = 3_600_000;
/** Monday 2026-03-02 12:00 UTC. */
const NOON_MS = Date.UTC(2026, 2, 2, 12);

const hoursOf = (...windows: string[]): TermsWire["hours"] => {
  const spans = parseHours(windows);
  assert.ok(spans.ok);
  const offsets = [{ fromMs: 0, minutes: 0 }];
  return { zone: "UTC", windows, spans: [...spans.value], offsets };
};

const termsWith = (change: Partial<TermsWire>, nowMs = NOON_MS): TermsMessage => ({
  type: "terms",
  nowMs,
  terms: {
    ...{ devices: [], hours: null, projects: null, walltimeMs: null, recallGraceMs: 10_000 },
    ...{ recalled: false, recalledDevices: [], maintenance: [] },
    ...change,
  },
});

const refusalOf = (pool: FakePool, leaseId: string) => {
  const report = pool.reports.find((one) => one.leaseId === leaseId);
  return report?.event.kind === "refused" ? report.event : undefined;
};

test("an order outside of the offer is refused with its reason, and nothing starts", async (t) => {
  const cases: readonly (readonly [Partial<TermsWire>, RegExp])[] = [
    [{ projects: ["chemistry"] }, /does not lend to the project physics/],
    [{ hours: hoursOf("daily 18:00-08:00") }, /lends only daily 18:00-08:00/],
    [{ devices: [{ node: "other" }] }, /does not lend all of node-a/],
    [{ recalledDevices: ["node-a/cpu0"] }, /does not lend all of node-a/],
    [{ walltimeMs: 30_000 }, /shorter time limit/],
    [{ recalled: true }, /took the machines back/],
    [{ maintenance: [{ fromMs: 0, toMs: NOON_MS + 1, reason: "" }] }, /in maintenance/],
  ];
  const { pool, engine, start } = await testSite(t);
  pool.terms = termsWith(cases[0]![0]);
  await start({ nowMs: () => NOON_MS });
  for (const [i, [change, why]] of cases.entries()) {
    await until("the connection", () => pool.connections === 1 && pool.dials > 0);
    pool.say(termsWith(change));
    pool.want(runOrder(`L${i}`, { jobId: `${i}` }));
    const event = await until("the refusal", () => refusalOf(pool, `L${i}`));
    assert.equal(event.code, "OUTSIDE_OFFER");
    assert.match(event.message, why);
  }
  assert.equal(engine.starts.length, 0);
});

test("what runs is stopped with the owner's grace when the terms change", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.orders = [runOrder("L1"), runOrder("L2", { jobId: "18" })];
  const physics = pool.orders[0] as LeaseOrder;
  pool.orders[0] = { ...physics, start: { ...physics.start!, project: "chemistry" } };
  await start({ nowMs: () => NOON_MS });
  await until("both leases", () => engine.starts.length === 2);
  pool.say(termsWith({ projects: ["physics"], recallGraceMs: 700 }));
  const end = await until("the end", () => pool.endOf("L1"));
  assert.equal(end.endedBy, "offer");
  assert.match(end.message, /does not lend to the project chemistry/);
  assert.deepEqual(
    engine.stops.map(({ leaseId }) => leaseId),
    ["L1"],
  );
  assert.equal(engine.stops[0]!.request.graceMs, 700);
  await aMoment();
  assert.equal(pool.endOf("L2"), undefined);
});

test("the polite signal goes out so early that all is over when the hours are", () => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-terms-"));
  try {
    let nowMs = NOON_MS;
    const terms = new Terms(
      folder,
      () => nowMs,
      () => {},
    );
    terms.take(termsWith({ hours: hoursOf("daily 8:00-13:00"), recallGraceMs: 60_000 }));
    const lease = { leaseId: "L1", order: runOrder("L1"), ranMs: 0 };
    const long = { leaseId: "L2", order: undefined, ranMs: 0 };
    assert.equal(terms.refuses(lease.order), undefined);
    nowMs = NOON_MS + HOUR_MS - 60_001;
    assert.equal(terms.outside(long), undefined);
    nowMs += 1_001;
    // A lease that ends by itself in time is left alone; one that would not is told once.
    assert.equal(terms.outside({ ...lease, ranMs: 20_000 }), undefined);
    assert.equal(terms.outside(long)?.graceMs, 59_000);
    nowMs += 10_000;
    assert.equal(terms.outside(long)?.graceMs, 59_000);
    // A restarted agent knows the terms before it has heard of the pool.
    const again = new Terms(
      folder,
      () => NOON_MS + 2 * HOUR_MS,
      () => {},
    );
    assert.match(again.refuses(lease.order) ?? "", /lends only/);
    writeFileSync(join(folder, "terms.json"), "{");
    assert.equal(
      new Terms(
        folder,
        () => nowMs,
        () => {},
      ).refuses(lease.order),
      undefined,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a clock off by minutes goes by the pool's, one off by hours by its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-terms-"));
  try {
    const said: string[] = [];
    const say = (_: string, text: string) => void said.push(text);
    const hours = hoursOf("daily 8:00-12:01");
    const near = new Terms(folder, () => NOON_MS + 240_000, say as never);
    near.take(termsWith({ hours }));
    assert.equal(near.refuses(runOrder("L1")), undefined);
    const far = new Terms(folder, () => NOON_MS + 2 * HOUR_MS, say as never);
    far.take(termsWith({ hours }));
    assert.match(far.refuses(runOrder("L1")) ?? "", /lends only/);
    assert.ok(said.some((text) => text.includes("clock")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the real engine has freed the machine in time, with the pool away", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-terms-"));
  const pool = await new FakePool().open();
  const engine = localEngine({ folder: join(folder, "engine"), nodeName: "node-a" });
  const base = {
    folder: join(folder, "agent"),
    engine,
    joinToken: pool.invite(),
    lines: [] as string[],
  };
  // The site's wall clock starts four seconds before the hours end.
  const startedAt = performance.now();
  const endMs = NOON_MS + HOUR_MS;
  const nowMs = (): number => Math.round(endMs - 4_000 + performance.now() - startedAt);
  const script = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')";
  pool.orders = [runOrder("L1", { commands: [[process.execPath, "-e", script]] })];
  pool.terms = termsWith({ hours: hoursOf("daily 8:00-13:00"), recallGraceMs: 1_500 }, nowMs());
  const options = testOptions(base);
  const agent = await runAgent({
    ...options,
    nowMs,
    timing: { ...options.timing, calibrateEveryMs: 1e12, gemmMs: 1, memoryMs: 1 },
  });
  t.after(async () => {
    await agent.stop({ keepJobs: false });
    await engine.close();
    await pool.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await until("the task", () => pool.logOf("L1").bytes.includes("up"));
  await pool.close();
  const live = async () => (await engine.list()).some(({ state }) => state !== "ended");
  while ((await live()) && nowMs() < endMs + 8_000)
    await new Promise((done) => setTimeout(done, 50));
  // It ignored the polite signal, so the hard one has ended it: at the end of the hours.
  const lateMs = nowMs() - endMs;
  assert.ok(lateMs > -1_500 && lateMs < 2_000, `over ${Math.round(lateMs)} ms after the hours`);
  await pool.open();
  const end = await until("the end", () => pool.endOf("L1"));
  assert.equal(end.endedBy, "offer");
});

test("a part of an accelerator starts only where the owner shares", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.terms = termsWith({});
  await start({ nowMs: () => NOON_MS });
  const order = runOrder("L1");
  const tasks = order.start!.tasks.map((task) => ({
    ...task,
    placement: { ...task.placement, partMilli: 500 },
  }));
  const part = { ...order, start: { ...order.start!, tasks } };
  pool.want(part);
  const event = await until("the refusal", () => refusalOf(pool, "L1"));
  assert.match(event.message, /accelerators only as a whole/);
  pool.say(termsWith({ shareAccelerators: true }));
  pool.want({ ...part, leaseId: "L2", jobId: "2" });
  await until("the start", () => engine.starts.length === 1);
  assert.equal(engine.starts[0]!.tasks[0]!.placement.partMilli, 500);
});

test("tasks are told what of the link they may use, where their owner bounds it", async (t) => {
  const { pool, engine, start } = await testSite(t);
  pool.terms = termsWith({});
  await start({ nowMs: () => NOON_MS });
  pool.want(runOrder("L1"));
  await until("the start", () => engine.starts.length === 1);
  assert.equal(engine.starts[0]!.tasks[0]!.env.TEQUIO_BANDWIDTH, undefined);
  const bandwidth = [{ upMbitPerS: 20, hours: null }];
  pool.say(termsWith({ bandwidth }));
  pool.want({ ...runOrder("L2"), jobId: "2" });
  await until("the second start", () => engine.starts.length === 2);
  assert.deepEqual(JSON.parse(engine.starts[1]!.tasks[0]!.env.TEQUIO_BANDWIDTH!), bandwidth);
});
