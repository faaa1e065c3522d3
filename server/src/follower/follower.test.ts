// A follower beside a leader on one journal in memory: what it answers, what it refuses, when it
// makes a reader wait, and that it leads with the state it has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeClient } from "@tequio/contract";
import { encodeState } from "@tequio/core/controller";
import { ok } from "@tequio/core/pool";
import type { Store, StoreReplica, Tail, TailOptions } from "@tequio/stores";
import { openMemoryStore } from "@tequio/stores/memory";
import { isFollowersRead } from "../api/following.ts";
import { Keeper } from "../history/keeper.ts";
import { good, startServer, testFolder, until } from "../testing/setup.ts";
import { type FollowerHandle, openFollowing } from "./open.ts";

interface Watched extends StoreReplica {
  /** Stops telling of records until it is called again. */
  hold(): void;
  release(): void;
}

/** A replica of a store of this process: it asks every few milliseconds. */
function replicaOf(store: Store, leaderUrl: () => string | undefined): Watched {
  let held = false;
  function follow({ afterSeq, onRecords }: TailOptions): Tail {
    let place: Tail["place"] = { seq: afterSeq, hash: undefined };
    let freshMs: number | undefined;
    let working: Promise<void> = Promise.resolve();
    const ask = async (): Promise<void> => {
      if (held) return;
      const page = good(await store.journal.read({ afterSeq: place.seq, limit: 1_000 }));
      const last = page.at(-1);
      if (last !== undefined) onRecords(page);
      if (last !== undefined) place = { seq: last.seq, hash: last.hash };
      freshMs = performance.now();
    };
    const again = (): void => {
      working = working.then(ask);
    };
    const timer = setInterval(again, 5);
    return {
      get place() {
        return place;
      },
      get freshMs() {
        return freshMs;
      },
      away: undefined,
      broken: new Promise(() => {}),
      poke: again,
      async close() {
        clearInterval(timer);
        await working;
      },
    };
  }
  return {
    journal: store.journal,
    snapshots: store.snapshots,
    ...(store.archive === undefined ? {} : { archive: store.archive }),
    follow,
    leader: async () =>
      ok({ headSeq: store.journal.head().seq, url: leaderUrl(), readOnly: false }),
    close: async () => {},
    hold: () => {
      held = true;
    },
    release: () => {
      held = false;
    },
  };
}

async function both(t: Parameters<typeof startServer>[0]) {
  const store = good(await openMemoryStore());
  const leader = await startServer(t, store);
  const replica = replicaOf(store, () => leader.server.url);
  let lead: () => void = () => {};
  const turn = new Promise<void>((resolve) => {
    lead = resolve;
  });
  const follower: FollowerHandle = good(
    await openFollowing({
      ...{ replica, host: "127.0.0.1", port: 0, poolName: "test", version: "0.0.0" },
      dataFolder: testFolder(t),
      turn: async () => {
        await turn;
        return ok(store);
      },
    }),
  );
  t.after(() => follower.close());
  const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    fetch(follower.url + path, {
      method,
      headers: { authorization: `Bearer ${leader.token}`, ...headers },
    });
  return { store, leader, follower, replica, get, lead };
}

test("a follower answers reads, says how new they are, and sends writes elsewhere", async (t) => {
  const { leader, get } = await both(t);
  const body = { shell: "true" };
  const { id } = good(await leader.client.call("submitJob", { body }));
  const job = await until("the job is known", async () => {
    const reply = await get(`/v1/jobs/${id}`);
    return reply.ok && reply;
  });
  assert.equal(job.headers.get("tequio-role"), "follower");
  assert.equal(job.headers.get("tequio-leader"), leader.server.url);
  assert.ok(Number(job.headers.get("tequio-seq")) > 0);
  assert.ok(Number(job.headers.get("tequio-lag-ms")) >= 0);
  const { reason } = (await job.json()) as { reason: string };
  const leaders = good(await leader.client.call("getJob", { params: { id } }));
  assert.equal(reason, leaders.reason, "it says the same of why the job waits");
  assert.ok(reason.length > 0 && !reason.includes("looks at it next"), reason);
  for (const path of ["/v1/pool", "/v1/members", "/v1/jobs", "/v1/runs", "/v1/usage", "/v1/users"])
    assert.equal((await get(path)).status, 200, path);
  const write = await get("/v1/jobs", { "content-type": "application/json" }, "POST");
  assert.equal(write.status, 421);
  const problem = (await write.json()) as { code: string; at: string };
  assert.deepEqual([problem.code, problem.at], ["NOT_LEADER", leader.server.url]);
  const metrics = await (await get("/metrics")).text();
  assert.match(metrics, /^tequio_leader 0$/m);
  assert.match(metrics, /^tequio_follower_lag_seconds [0-9.e-]+$/m);
  assert.equal((await get(`/v1/jobs/${id}/log`)).status, 421, "logs lie with the leader");
});

test("a follower answers about a job that has left the state, as the leader does", async (t) => {
  const { store, leader, follower, get } = await both(t);
  const { id } = good(await leader.client.call("submitJob", { body: { shell: "true" } }));
  good(await leader.client.call("cancelJob", { params: { id } }));
  const keeper = new Keeper({
    ...{ pump: leader.server.pump, store, archive: store.archive!, now: Date.now },
    ...{ keep: { endedMs: 0, endedMax: 0 }, say: () => {}, onTrouble: () => {} },
  });
  await keeper.look();
  await keeper.close();
  await until("the job has left", () => follower.pump.state.archived.jobs === 1);
  const reply = await get(`/v1/jobs/${id}`);
  assert.deepEqual(
    await reply.json(),
    good(await leader.client.call("getJob", { params: { id } })),
  );
});

test("a reader that names a record waits for it and never gets an older answer", async (t) => {
  const { leader, follower, replica, get } = await both(t);
  replica.hold();
  const { id } = good(await leader.client.call("submitJob", { body: { shell: "true" } }));
  const seq = String(leader.server.pump.durableSeq);
  let answered = false;
  const asked = get(`/v1/jobs/${id}`, { "tequio-min-seq": seq }).finally(() => {
    answered = true;
  });
  assert.equal((await get(`/v1/jobs/${id}`)).status, 404, "without it the answer is the older one");
  assert.equal(answered, false);
  replica.release();
  const reply = await asked;
  assert.equal(reply.status, 200);
  assert.ok(Number(reply.headers.get("tequio-seq")) >= Number(seq));
  assert.ok(follower.pump.durableSeq >= Number(seq));
});

test("a typed client of a follower writes at the leader and reads what it wrote", async (t) => {
  const { leader, follower } = await both(t);
  const client = makeClient({ url: follower.url, token: leader.token });
  for (let i = 0; i < 5; i += 1) {
    const { id } = good(await client.call("submitJob", { body: { shell: "true" } }));
    assert.equal(good(await client.call("getJob", { params: { id } })).id, id);
  }
});

test("a follower that leads goes on with its state and its streams", async (t) => {
  const { leader, follower, get, lead } = await both(t);
  good(await leader.client.call("submitJob", { body: { shell: "true" } }));
  const stream = await get("/v1/events?after=0");
  const reader = stream.body!.getReader();
  await leader.server.close();
  await until("all is read", () => follower.pump.durableSeq === leader.server.pump.durableSeq);
  const before = encodeState(leader.server.pump.state);
  assert.equal(encodeState(follower.pump.state), before, "both folded the same state");
  lead();
  assert.ok(good(await follower.led), "it has a token of its own folder");
  const health = (await (await get("/healthz")).json()) as { role: string };
  assert.equal(health.role, "leader");
  const client = makeClient({ url: follower.url, token: leader.token });
  const { id } = good(await client.call("submitJob", { body: { shell: "true" } }));
  let text = "";
  while (!text.includes(`"jobId":"${id}"`)) {
    const { value, done } = await reader.read();
    assert.ok(!done, "the stream goes on through the takeover");
    text += Buffer.from(value).toString();
  }
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((found) => Number(found[1]));
  assert.deepEqual(
    ids,
    ids.map((_, i) => i + 1),
    "no event is missing and none comes twice",
  );
  await reader.cancel();
});

test("only reads of people, health and the console are a follower's", () => {
  assert.equal(isFollowersRead("GET", "/v1/jobs", "/v1/jobs?limit=5"), true);
  assert.equal(isFollowersRead("GET", "/", "/"), true);
  assert.equal(isFollowersRead("GET", "/metrics", "/metrics"), true);
  assert.equal(isFollowersRead("POST", "/v1/jobs", "/v1/jobs"), false);
  assert.equal(isFollowersRead("GET", "/v1/blobs/:digest", "/v1/blobs/x"), false);
  assert.equal(isFollowersRead("GET", "/v1/runs/:id/assignment", "/v1/runs/1/assignment"), false);
  assert.equal(isFollowersRead("GET", "/v1/probe", "/v1/probe"), false);
  assert.equal(isFollowersRead("GET", undefined, "/v1/nothing"), false);
});
