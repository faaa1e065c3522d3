// Proves the pump: group commit, answers only after the disk, and what happens when an append or
// the controller itself fails.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeState } from "@tequio/core/controller";
import { type JobSpec, refuse } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import { createMemoryDisk, createMemoryFaults, openMemoryStore } from "@tequio/stores/memory";
import { openPump, type Pump, recover } from "./pump.ts";
import { good } from "./testing/setup.ts";

const SPEC: JobSpec = {
  ...{ name: "j", project: "default", user: "u", priority: 100, preemptible: false },
  walltimeMs: 60_000,
  groups: [
    {
      ...{ name: "main", count: 1, command: ["true"], env: {} },
      resources: { accelerators: 0, milliCpu: 1_000, memoryMiB: 64 },
    },
  ],
  constraints: { members: [], excludeMembers: [], labels: {} },
  ...{ dependencies: [], requeue: true },
};

async function open(store: Store): Promise<Pump> {
  let ms = 1_000;
  const pump = good(await openPump(store, () => (ms += 1)));
  if (pump.state.poolId === "") {
    await pump.submit({ type: "createPool", poolId: "p", name: "test" });
  }
  return pump;
}

const project = (name: string) => ({ type: "setProject", name, parent: null, shares: 1 }) as const;

/** Counts the appends of a store. */
function counted(store: Store): { readonly store: Store; readonly appends: number[] } {
  const appends: number[] = [];
  const journal = {
    ...store.journal,
    append: (seq: number, records: Parameters<typeof store.journal.append>[1]) => {
      appends.push(records.length);
      return store.journal.append(seq, records);
    },
  };
  return { store: { ...store, journal }, appends };
}

test("inputs that come together are written together and answered after that", async () => {
  const { store, appends } = counted(good(await openMemoryStore()));
  const pump = await open(store);
  appends.length = 0;
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => pump.submit(project(`p${i}`))),
  );
  assert.ok(answers.every((answer) => answer.ok));
  assert.ok(appends.length <= 3, `${appends.length} appends`);
  assert.equal(store.journal.head().seq, pump.state.seq);
  await pump.close();
});

test("an answer never leaves before its events are durable", async () => {
  const store = good(await openMemoryStore());
  const pump = await open(store);
  const seen: number[] = [];
  pump.onCommitted((events) => seen.push(...events.map((event) => event.seq)));
  for (let i = 0; i < 5; i += 1) {
    const waiting = pump.submit(project(`p${i}`));
    const decided = pump.state.seq;
    await waiting;
    assert.ok(store.journal.head().seq >= decided);
    // An input without events waits as well for what it has seen.
    await pump.submit({ type: "tick" });
    assert.ok(store.journal.head().seq >= pump.state.seq);
  }
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
});

test("a failed append takes everything back and tells everybody, then work goes on", async () => {
  const faults = createMemoryFaults();
  const store = good(await openMemoryStore({ faults }));
  const pump = await open(store);
  await pump.submit(project("before"));
  const durable = encodeState(pump.state);
  const told: string[] = [];
  pump.onCommitted((events) => told.push(...events.map(({ event }) => event.type)));
  faults.fullCommits = 1;
  const answers = await Promise.all(["a", "b", "c"].map((name) => pump.submit(project(name))));
  for (const answer of answers) assert.equal(!answer.ok && answer.code, "STORE_FULL");
  assert.equal(encodeState(pump.state), durable);
  assert.deepEqual(told, []);
  assert.ok((await pump.submit(project("after"))).ok);
  assert.deepEqual([...pump.state.projects.keys()], ["default", "before", "after"]);
  assert.equal(encodeState(good(await recover(store))), encodeState(pump.state));
});

test("an input on which the controller breaks a rule is undone, others are kept", async () => {
  const store = good(await openMemoryStore());
  const bugs: unknown[] = [];
  const pump = good(
    await openPump(
      store,
      () => 1_000,
      (error) => bugs.push(error),
    ),
  );
  await pump.submit({ type: "createPool", poolId: "p", name: "test" });
  const broken = { type: "calibration", siteId: "nobody", calibration: null } as never;
  const [first, bad, second] = await Promise.all([
    pump.submit(project("a")),
    pump.submit(broken),
    pump.submit(project("b")),
  ]);
  assert.ok(first.ok && second.ok);
  assert.equal(!bad.ok && bad.code, "INTERNAL");
  assert.equal(bugs.length, 1);
  assert.deepEqual([...pump.state.projects.keys()], ["default", "a", "b"]);
  assert.equal(encodeState(good(await recover(store))), encodeState(pump.state));
});

test("a bug and a full disk at one time leave a state that agrees with the journal", async () => {
  const faults = createMemoryFaults();
  const store = good(await openMemoryStore({ faults }));
  const pump = await open(store);
  faults.fullCommits = 1;
  const broken = { type: "calibration", siteId: "nobody", calibration: null } as never;
  const answers = await Promise.all([
    pump.submit(project("a")),
    pump.submit(broken),
    pump.submit(project("b")),
  ]);
  assert.deepEqual(
    answers.map((answer) => (answer.ok ? "ok" : answer.code)),
    ["STORE_FULL", "INTERNAL", "ok"],
  );
  assert.equal(encodeState(good(await recover(store))), encodeState(pump.state));
});

test("more events than one append takes are written in several", async () => {
  const { store, appends } = counted(good(await openMemoryStore()));
  const pump = await open(store);
  const node = {
    ...{ name: "n", os: "linux", arch: "x64", milliCpu: 1_000, memoryMiB: 1_024 },
    ...{ accelerators: [], labels: {} },
  };
  await pump.submit({ type: "inviteMember", name: "m", secretHash: "h" });
  await pump.submit({
    ...{ type: "joinSite", siteId: "s", secretHash: "h", publicKey: "k", engine: "local" },
  });
  await pump.submit({ type: "inventory", siteId: "s", nodes: [node] });
  appends.length = 0;
  const array = { indices: Array.from({ length: 9_000 }, (_, i) => i), maxRunning: 1 };
  const answers = await Promise.all(
    Array.from({ length: 3 }, () => pump.submit({ type: "submit", spec: SPEC, array, key: null })),
  );
  assert.ok(answers.every((answer) => answer.ok));
  assert.equal(pump.state.jobs.size, 27_000);
  assert.ok(Math.max(...appends) <= 10_000);
  await pump.close();
});

test("a restart from a snapshot gives the state that the whole journal gives", async () => {
  const disk = createMemoryDisk();
  const store = good(await openMemoryStore({ disk }));
  const pump = await open(store);
  for (let i = 0; i < 20; i += 1) await pump.submit(project(`p${i}`));
  await pump.close();
  const closed = await pump.submit(project("late"));
  assert.equal(!closed.ok && closed.code, "SHUTTING_DOWN");
  assert.equal(good(await store.snapshots.latest())!.seq, pump.state.seq);
  const fromSnapshot = encodeState(good(await recover(store)));
  disk.snapshots.length = 0;
  assert.equal(encodeState(good(await recover(store))), fromSnapshot);
  await store.close();
});

test("while the store's database is away inputs are refused; then all goes on", async () => {
  const store = good(await openMemoryStore());
  let away = false;
  const gone = refuse("STORE_UNREACHABLE", "The database does not answer.", "Start it.");
  const journal = {
    ...store.journal,
    append: async (...args: Parameters<typeof store.journal.append>) =>
      away ? gone : store.journal.append(...args),
    read: async (page: Parameters<typeof store.journal.read>[0]) =>
      away ? gone : store.journal.read(page),
  };
  const pump = await open({ ...store, journal });
  await pump.submit(project("before"));
  away = true;
  const answers = await Promise.all(["a", "b"].map((name) => pump.submit(project(name))));
  answers.push(await pump.submit(project("c")));
  for (const answer of answers) assert.equal(!answer.ok && answer.code, "STORE_UNREACHABLE");
  away = false;
  let after = await pump.submit(project("after"));
  for (; !after.ok; after = await pump.submit(project("after"))) await sleep(20);
  assert.deepEqual([...pump.state.projects.keys()], ["default", "before", "after"]);
  assert.equal(encodeState(good(await recover(store))), encodeState(pump.state));
  await pump.close();
});
