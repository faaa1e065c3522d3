// Proves that nobody can tell from an answer whether a job or a line of the books has left the
// state, and that the archive comes back from the journal. What may leave, and when, is tested in
// core/controller.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { leaving } from "@tequio/core/controller";
import type { Store } from "@tequio/stores";
import { createMemoryDisk, openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { addUser, type TestUser } from "../testing/people.ts";
import { good, startServer, type TestServer, testFolder, until } from "../testing/setup.ts";
import { Keeper, periodDigest } from "./keeper.ts";
import { batchOf } from "./rows.ts";

const GPU = { resources: { accelerators: 1 } };

interface Pool {
  readonly server: TestServer;
  readonly store: Store;
  readonly researcher: TestUser;
}

/** Lets everything that is over leave; answers with how many jobs are gone in all. */
async function leaveAll({ server: { server }, store }: Pool, nowMs = Date.now()): Promise<number> {
  const keeper = new Keeper({
    ...{ pump: server.pump, store, archive: store.archive! },
    ...{ keep: { endedMs: 0, endedMax: 0 }, now: () => nowMs },
    ...{ say: (_: string, message: string) => assert.fail(message), onTrouble: () => {} },
  });
  await keeper.look();
  await keeper.close();
  return server.pump.state.archived.jobs;
}

/** Two jobs and an array that ran, one that failed, one cancelled; two that wait. */
async function tell(t: TestContext, server: TestServer): Promise<void> {
  const { client } = server;
  const { agent } = await makeSite(t, server, "uni-lab");
  const run = async (id: string, exitCode: number): Promise<void> => {
    const order = await agent.order(id);
    agent.report(order, { kind: "running" });
    agent.report(order, ended(exitCode, 1_000));
    await until(`end of ${id}`, () => server.server.pump.state.jobs.get(id)?.stage === "ended");
  };
  const submit = async (body: object): Promise<string> =>
    good(await client.call("submitJob", { body: { shell: "a", ...GPU, ...body } })).id;
  await run(await submit({ name: "first" }), 0);
  await run(await submit({ project: "grid" }), 3);
  const array = await submit({ array: "1-3", project: "grid", env: { A: "b" } });
  for (const index of [1, 2, 3]) await run(`${array}_${index}`, 0);
  const cancelled = await submit({ after: [`afterany:${array}`] });
  good(await client.call("cancelJob", { params: { id: cancelled } }));
  await until("the cancelled one", async () => {
    const order = agent.of("leases").flatMap((one) => one.orders);
    const stop = order.find((one) => one.jobId === cancelled && one.want === "stop");
    if (stop !== undefined) agent.report(stop, ended(null));
    return server.server.pump.state.jobs.get(cancelled)?.stage === "ended";
  });
  const drain = { params: { name: "uni-lab" }, body: { action: "drain" } } as const;
  good(await client.call("changeMember", drain));
  await submit({ name: "waits", after: ["afternotok:2"] });
}

async function pages(client: TestUser["client"], query: object): Promise<unknown[]> {
  const rows: unknown[] = [];
  let cursor: string | undefined;
  do {
    const from = cursor === undefined ? {} : { cursor };
    const page = good(await client.call("listJobs", { query: { limit: 2, ...query, ...from } }));
    assert.ok(page.rows.length <= 2);
    rows.push(...page.rows);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return rows;
}

const IDS = ["1", "2", "3", "3_1", "3_3", "4", "5", "6", "77"];
const QUERIES = [
  ...[{}, { state: "ended" }, { project: "grid" }, { member: "uni-lab" }, { arrayId: "3" }],
  ...[{ member: "nobody" }, { state: "queued" }, { state: "ended", project: "grid" }],
];

/** Everything that can be asked about the jobs and books, but for what names the moment. */
async function answers({ server, researcher }: Pool): Promise<unknown> {
  const found: unknown[] = [];
  // What waits is explained by a plan, which comes a moment after a start or a change.
  await until("a plan", async () => {
    const waits = await server.client.call("getJob", { params: { id: "5" } });
    return /^(draining|site away)$/.test(good(waits).reason);
  });
  for (const client of [server.client, researcher.client]) {
    for (const query of QUERIES) found.push(await pages(client, query));
    for (const id of IDS) {
      found.push(await client.call("getJob", { params: { id } }));
      found.push(await client.call("whyJob", { params: { id } }));
    }
    for (const query of [{}, { project: "grid" }, { member: "uni-lab" }, { toMs: 1 }]) {
      const usage = good(await client.call("getUsage", { query }));
      found.push({ ...usage, nowMs: 0 });
    }
  }
  for (const id of ["1", "2", "3"]) {
    found.push(await server.client.call("cancelJob", { params: { id } }));
  }
  const members = good(await server.client.call("listMembers", {}));
  found.push(
    members.rows.map(({ deviceMs, earnedMicroCredits }) => [deviceMs, earnedMicroCredits]),
  );
  const { jobsQueued, jobsRunning, jobsEnded } = good(await server.client.call("getPool", {}));
  found.push({ jobsQueued, jobsRunning, jobsEnded });
  // The user of each opening has a name of its own, and so has each request.
  const text = JSON.stringify(found).replaceAll(/"requestId":"[0-9a-f]+"|\br[0-9]{13}\b/g, "");
  // After a restart a drained site is away, too.
  return text.replaceAll("site away", "draining").split("},{");
}

async function open(
  t: TestContext,
  store: Store,
  folder: string,
  now: () => number = Date.now,
): Promise<Pool> {
  const server = await startServer(t, store, { dataFolder: folder, now });
  good(await server.client.call("createProject", { body: { name: "grid", shares: 2 } }));
  return { server, store, researcher: await addUser(server, `r${Date.now()}`, "researcher:grid") };
}

test("an answer is the same before and after jobs have left, and after a restart", async (t) => {
  const disk = createMemoryDisk();
  const folder = testFolder(t);
  const first = await open(t, good(await openMemoryStore({ disk })), folder);
  await tell(t, first.server);
  const before = await answers(first);
  assert.equal(await leaveAll(first), 6);
  const { state } = first.server.server.pump;
  assert.deepEqual([state.jobs.size, state.leases.size, state.ledger.entries.length], [1, 0, 0]);
  assert.deepEqual(await answers(first), before);
  await first.server.server.close();
  await first.store.close();

  const second = await open(t, good(await openMemoryStore({ disk })), folder);
  assert.deepEqual(await answers(second), before);
  const kept = JSON.stringify(disk.archive);
  await second.server.server.close();
  await second.store.close();

  disk.archive.length = 0;
  const third = await open(t, good(await openMemoryStore({ disk })), folder);
  await until("the archive", () => disk.archive.length > 0);
  assert.equal(JSON.stringify(disk.archive), kept);
  assert.deepEqual(await answers(third), before);
});

test("a crash before the journal knows, or another archive, changes no answer", async (t) => {
  const disk = createMemoryDisk();
  const folder = testFolder(t);
  const first = await open(t, good(await openMemoryStore({ disk })), folder);
  await tell(t, first.server);
  const before = await answers(first);
  const { state } = first.server.server.pump;
  const due = leaving(state, Date.now(), { endedMs: 0, endedMax: 0 })!;
  good(await first.store.archive!.put(batchOf(state, due)));
  assert.deepEqual(await answers(first), before);
  await first.server.server.close();
  await first.store.close();

  const second = await open(t, good(await openMemoryStore({ disk })), folder);
  assert.equal(second.server.server.pump.state.archived.jobs, 0);
  assert.deepEqual(await answers(second), before);
  assert.equal(await leaveAll(second), 6, "the batch is put again");
  assert.deepEqual(await answers(second), before);
  await second.server.server.close();
  await second.store.close();

  disk.archive[0] = { ...disk.archive[0]!, digest: "00".repeat(32), jobs: [], lines: [] };
  const third = await open(t, good(await openMemoryStore({ disk })), folder);
  await until("the archive", () => disk.archive[0]?.jobs.length === 6);
  assert.deepEqual(await answers(third), before);
});

test("an archive that loses its end while the pool runs is made anew", async (t) => {
  const disk = createMemoryDisk();
  const pool = await open(t, good(await openMemoryStore({ disk })), testFolder(t));
  await tell(t, pool.server);
  const said: string[] = [];
  const keeper = new Keeper({
    ...{ pump: pool.server.server.pump, store: pool.store, archive: pool.store.archive! },
    ...{ keep: { endedMs: 0, endedMax: 0 }, now: Date.now, onTrouble: () => {} },
    say: (_, message) => said.push(message),
  });
  await keeper.look();
  disk.archive.length = 0;
  const { client } = pool.server;
  const { id } = good(await client.call("submitJob", { body: { shell: "a" } }));
  good(await client.call("cancelJob", { params: { id } }));
  await keeper.look();
  assert.deepEqual(said, ["Ended jobs stay in the state."]);
  keeper.start();
  await keeper.look();
  await keeper.close();
  assert.equal(pool.server.server.pump.state.archived.jobs, 7);
  assert.deepEqual(
    disk.archive.map(({ jobs }) => jobs.length),
    [6, 1],
  );
});

test("while the archive is made anew, what it holds is refused, the rest answered", async (t) => {
  const pool = await open(t, good(await openMemoryStore()), testFolder(t));
  await tell(t, pool.server);
  await leaveAll(pool);
  good(await pool.store.archive!.clear());
  const { client } = pool.server;
  const gone = await client.call("getJob", { params: { id: "1" } });
  assert.equal(!gone.ok && gone.code, "ARCHIVE_INCOMPLETE");
  assert.equal(good(await client.call("getJob", { params: { id: "5" } })).state, "queued");
  good(await client.call("submitJob", { body: { shell: "a" } }));
});

test("a job may depend on one that has left; its key and its log still answer", async (t) => {
  const pool = await open(t, good(await openMemoryStore()), testFolder(t));
  await tell(t, pool.server);
  const { client } = pool.server;
  const keyed = { body: { shell: "k" }, idempotencyKey: "k" };
  const once = good(await client.call("submitJob", keyed));
  good(await client.call("cancelJob", { params: { id: once.id } }));
  await leaveAll(pool);
  const after = async (text: string) => {
    const { id } = good(await client.call("submitJob", { body: { shell: "a", after: [text] } }));
    return good(await client.call("getJob", { params: { id } }));
  };
  assert.equal((await after("afterok:1")).state, "queued");
  assert.equal((await after("afterok:3")).state, "queued");
  assert.equal((await after("afterok:2")).outcome, "dependency");
  assert.equal((await after("afternotok:3_2")).outcome, "dependency");
  const unknown = await client.call("submitJob", { body: { shell: "a", after: ["afterok:99"] } });
  assert.equal(!unknown.ok && unknown.code, "DEPENDENCY_UNKNOWN");
  assert.deepEqual(good(await client.call("submitJob", keyed)), { ...once, state: "ended" });
  const log = await client.call("readLog", { params: { id: "1" }, query: { waitMs: 0 } });
  assert.ok(log.ok);
  const other = await pool.researcher.client.call("getJob", { params: { id: "1" } });
  assert.equal(!other.ok && other.code, "FORBIDDEN");
});

test("a month is closed by itself when it is over, under the digest of its totals", async (t) => {
  const disk = createMemoryDisk();
  const folder = testFolder(t);
  const at = async (...day: Parameters<typeof Date.UTC>): Promise<Pool> => {
    const now = (): number => Date.UTC(...day);
    return open(t, good(await openMemoryStore({ disk })), folder, now);
  };
  const october = await at(2026, 9, 20);
  await tell(t, october.server);
  await october.server.server.close();
  await october.store.close();
  const november = await at(2026, 10, 2);
  const { pump } = november.server.server;
  const books = await until("the books to be closed", () => {
    const period = pump.state.ledger.periods["2026-10"];
    return period?.digest != null && period;
  });
  assert.equal(books.digest, periodDigest(books));
  assert.equal(pump.state.archived.jobs, 0, "its jobs are still at hand");
  const month = { fromMs: Date.UTC(2026, 9, 1), toMs: Date.UTC(2026, 10, 1) };
  const usage = good(await november.server.client.call("getUsage", { query: month }));
  const of = (sum: number, row: { readonly deviceMs: number }): number => sum + row.deviceMs;
  assert.equal(usage.totals.deviceMs, Object.values(books.rows).reduce(of, 0));
  const { rows } = good(await november.server.client.call("listBooks", {}));
  const { state, digest, deviceMs } = rows.find(({ period }) => period === "2026-10")!;
  assert.deepEqual([state, digest, deviceMs], ["closed", books.digest, usage.totals.deviceMs]);
  const own = good(await november.researcher.client.call("listBooks", {})).rows;
  assert.deepEqual(own.at(-1)?.deviceMs, 4_000, "only what the project used");
  assert.equal(usage.totals.deviceMs, 5_005); // Five of a second, one cancelled after 5 ms.
});
