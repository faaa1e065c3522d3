// A standby and a follower on a real PostgreSQL: who leads after the leader was killed, was
// stopped in the middle, or closed in order; and that nobody leads beside another.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type PostgresServer, startPostgres } from "../conformance/postgres-server.ts";
import { good, records, refused, withPlace } from "../conformance/support.ts";
import { awaitLeadership, follow, openPostgresStore } from "./index.ts";

const CHILD = fileURLToPath(new URL("./testing/leader-child.ts", import.meta.url));
/** What the operator is promised. */
const TAKEOVER_MS = 10_000;

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server.remove());

async function startLeader(folder: string, schema: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, server.url, folder, schema], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout!, "data");
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

for (const [signal, what] of [
  ["SIGKILL", "killed"],
  ["SIGSTOP", "standing still"],
] as const) {
  test(`a leader that was ${what} is followed within 10 s, and never writes again`, () =>
    withPlace(async (folder) => {
      const schema = `lead_${signal.toLowerCase()}`;
      const leader = await startLeader(folder, schema);
      try {
        const waits: string[] = [];
        const { url } = server;
        const turn = awaitLeadership({
          ...{ url, folder, schema },
          onWaiting: ({ code }) => void waits.push(code),
        });
        await sleep(1_500);
        assert.deepEqual(waits, ["STORE_LOCKED"]);
        const fromMs = performance.now();
        leader.kill(signal);
        const store = good(await turn);
        const tookMs = performance.now() - fromMs;
        console.log(`leader ${what}: takeover after ${Math.round(tookMs)} ms`);
        assert.ok(tookMs < TAKEOVER_MS, `${tookMs} ms`);
        const { seq } = store.journal.head();
        assert.ok(seq > 0);
        leader.kill("SIGCONT"); // It goes on as if nothing had been.
        good(await store.journal.append(seq, records(1, seq + 1)));
        await sleep(500);
        good(await store.journal.append(seq + 1, records(1, seq + 2)));
        assert.equal(good(await store.journal.verify()).seq, seq + 2);
        await store.close();
      } finally {
        await end(leader);
      }
    }));
}

test("a standby leads at once when the leader closes, and can be told to stop waiting", () =>
  withPlace(async (folder) => {
    const options = { url: server.url, folder, schema: "in_order" };
    const first = good(await openPostgresStore(options));
    const stop = new AbortController();
    const given = awaitLeadership({ ...options, signal: stop.signal });
    const turn = awaitLeadership(options);
    await sleep(300);
    stop.abort();
    refused(await given, "SHUTTING_DOWN");
    await first.close();
    await good(await turn).close();
  }));

test("a follower sees every record in order, also across a death of the database", () =>
  withPlace(async (folder) => {
    const options = { url: server.url, folder, schema: "followed" };
    const store = good(await openPostgresStore(options));
    good(await store.journal.append(0, records(5)));
    const seen: number[] = [];
    const tail = good(
      follow({
        ...options,
        afterSeq: 2,
        onRecords: (page) => seen.push(...page.map((r) => r.seq)),
      }),
    );
    good(await store.journal.append(5, records(3, 6)));
    while (tail.place.seq < 8) await sleep(20);
    await server.kill();
    await server.start();
    good(await store.journal.append(8, records(2, 9)));
    while (tail.place.seq < 10) await sleep(20);
    assert.deepEqual(seen, [3, 4, 5, 6, 7, 8, 9, 10]);
    await server.sql("UPDATE followed.journal SET payload = '{}' WHERE seq = 10");
    good(await store.journal.append(10, records(1, 11)));
    while (tail.place.seq < 11) await sleep(20); // What it saw before, it does not ask for again.
    await server.sql("UPDATE followed.journal SET hash = 'x' WHERE seq = 11");
    good(await store.journal.append(11, records(1, 12)));
    assert.equal((await tail.broken).code, "JOURNAL_CORRUPT");
    await tail.close();
    await store.close();
  }));
