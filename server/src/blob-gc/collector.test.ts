// Proves that the collector never removes what is referred to, whatever is put, merged, stopped
// and started meanwhile, and that it removes all the rest in the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as tick } from "node:timers/promises";
import { emptyState, type JobState, type RunState, type State } from "@tequio/core/controller";
import { createRun, type RunConfig } from "@tequio/core/training";
import { type BlobStore, type Digest, digestOf } from "@tequio/stores";
import { createMemoryDisk, openMemoryStore } from "@tequio/stores/memory";
import fc from "fast-check";
import { good } from "../testing/setup.ts";
import { Collector } from "./collector.ts";
import { addDigests } from "./roots.ts";
import { type WatchedBlobs, watchBlobs } from "./watched.ts";

const GRACE_MS = 1_000;
const bytesOf = (number: number): Uint8Array => Buffer.from(`content ${number}`);
const blobOf = (number: number): Digest => digestOf(bytesOf(number));

const config = (modelBlob: string): RunConfig => ({
  ...{ model: {}, parameters: 10, context: 4, referenceBatch: 1, maxBatch: 1, batchSizes: [1] },
  ...{ codecDown: "int8" as const, warmUpSteps: 0, stop: { rounds: 1 } },
  learningRate: { peak: 1, warmUp: 1, rampSteps: 1 },
  quorum: { share: 0.5, min: 1 },
  data: { windows: 10, seed: 1 },
  start: { modelDigest: modelBlob, modelBlob },
});

const runOf = (jobId: string, modelBlob: string): RunState => ({
  ...{ jobId, machine: createRun(config(modelBlob), 0), failures: {}, version: 1 },
  ...{ lossBefore: null, startedAtMs: 0, booked: {}, rounds: [] },
});

/** A pool in small: a state, blobs on a disk that is slow, and a process that may end. */
class World {
  state: State = emptyState();
  nowMs = 0;
  generation = 0;
  blobs!: WatchedBlobs;
  collector!: Collector;
  readonly disk = createMemoryDisk();
  /** Handlers under way. */
  readonly handlers = new Set<Promise<unknown>>();
  readonly #removals = new Set<Promise<unknown>>();
  #stop = new AbortController();

  static async start(): Promise<World> {
    const world = new World();
    await world.restart();
    return world;
  }

  /** The process ends and another one begins; requests on their way to the disk still arrive. */
  async restart(): Promise<void> {
    this.generation += 1;
    this.#stop.abort();
    await Promise.allSettled(this.#removals);
    this.disk.locked = false;
    const store = good(await openMemoryStore({ disk: this.disk }));
    const now = (): number => this.nowMs;
    this.blobs = watchBlobs(this.#slow(store.blobs), now);
    this.collector = new Collector({
      ...{ state: () => this.state, blobs: this.blobs, now, graceMs: GRACE_MS, pageRows: 2 },
      rest: () => tick(),
    });
    this.#stop = new AbortController();
  }

  #slow(blobs: BlobStore): BlobStore {
    return {
      ...blobs,
      delete: (digest) => {
        const removal = tick()
          .then(() => tick())
          .then(() => blobs.delete(digest));
        this.#removals.add(removal);
        return removal.finally(() => this.#removals.delete(removal));
      },
      put: async (source, expected) => {
        const put = await blobs.put(source, expected);
        await tick();
        return put;
      },
    };
  }

  get removals(): number {
    return this.#removals.size;
  }

  pass(dryRun = false) {
    return this.collector.pass({ dryRun, signal: this.#stop.signal });
  }

  /** What a handler does: the blob is put, looked for, and then named by a durable event. */
  async name(number: number, how: "put" | "upload" | "known", commit: (blob: Digest) => void) {
    const { generation, blobs, collector } = this;
    const bytes = bytesOf(number);
    const blob = blobOf(number);
    if (how === "put") await blobs.put(bytes);
    if (how === "upload") {
      const begun = await blobs.beginUpload(blob, bytes.length);
      await tick();
      if (begun.ok && !begun.value.complete) {
        await blobs.appendUpload(blob, begun.value.offset, bytes.subarray(begun.value.offset));
        await blobs.finishUpload(blob);
      }
    }
    await tick();
    const found = await blobs.stat(blob);
    await tick();
    if (!found.ok || generation !== this.generation) return;
    commit(blob);
    collector.take([{ event: { type: "test.named", blob } }]);
  }

  /** Everything that the state names is on the disk. */
  check(): void {
    const named = new Set<string>();
    addDigests(this.state, named);
    for (const digest of named) {
      assert.ok(this.disk.blobs.has(digest as Digest), `${digest} is referred to and missing`);
    }
  }
}

type Command =
  | {
      readonly do: "begin" | "merge" | "offer" | "submit";
      readonly run: number;
      readonly blob: number;
    }
  | { readonly do: "litter"; readonly blob: number }
  | { readonly do: "end" | "restart" | "pass" | "wait" | "stray"; readonly run: number };

const number = fc.nat({ max: 7 });
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    do: fc.constantFrom("begin" as const, "merge" as const, "offer" as const, "submit" as const),
    run: fc.nat({ max: 2 }),
    blob: number,
  }),
  fc.record({ do: fc.constant("litter" as const), blob: number }),
  fc.record({
    do: fc.constantFrom("end" as const, "pass" as const, "wait" as const, "wait" as const),
    run: fc.nat({ max: 2 }),
  }),
  fc.record({ do: fc.constantFrom("restart" as const, "stray" as const), run: fc.nat({ max: 2 }) }),
);

/** Starts what the command says; most of it goes on beside the next ones. */
async function carryOut(world: World, command: Command, at: number): Promise<unknown> {
  const { runs, jobs } = world.state;
  const how = (["put", "upload", "known"] as const)[at % 3]!;
  switch (command.do) {
    case "begin":
      return world.name(command.blob, how, (blob) => {
        runs.set(`${command.run}`, runOf(`${command.run}`, blob));
      });
    case "merge":
      return world.name(command.blob, how, (modelBlob) => {
        const machine = runs.get(`${command.run}`)?.machine;
        if (machine === undefined) return;
        machine.offered = [];
        machine.model = { ...machine.model, digest: modelBlob, modelBlob };
      });
    case "offer":
      return world.name(command.blob, how, (blob) => {
        const machine = runs.get(`${command.run}`)?.machine;
        if (machine === undefined) return;
        machine.offered = [{ blob } as RunState["machine"]["offered"][number]];
      });
    case "submit":
      return world.name(command.blob, how, (blob) => {
        const spec = { groups: [{ command: ["eval", `--model=${blob}`] }] };
        jobs.set(`${command.run}`, { jobId: `${command.run}`, spec } as unknown as JobState);
      });
    case "litter":
      return world.blobs.put(bytesOf(command.blob));
    case "stray":
      return world.blobs.beginUpload(digestOf(Buffer.of(command.run)), 100 + command.run);
    case "end":
      runs.delete(`${command.run}`);
      jobs.delete(`${command.run}`);
      return undefined;
    case "restart":
      return world.restart();
    case "pass":
      return world.pass(at % 5 === 0);
    case "wait":
      // What a handler does takes less than the grace.
      await Promise.all(world.handlers);
      world.nowMs += GRACE_MS / 3;
      return undefined;
    default:
      return command satisfies never;
  }
}

test("whatever is put, merged, restarted, removed: nothing referred to is missing", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.tuple(commands, fc.nat({ max: 2 })), { minLength: 20, maxLength: 120 }),
    async (script) => {
      const world = await World.start();
      const flying: Promise<unknown>[] = [];
      for (const [at, [command, ticks]] of script.entries()) {
        const going = carryOut(world, command, at);
        flying.push(going);
        if ("blob" in command) {
          world.handlers.add(going);
          void going.then(() => world.handlers.delete(going));
        }
        if (command.do === "restart" || command.do === "wait") await going;
        for (let count = 0; count <= ticks; count++) await tick();
        world.check();
      }
      await Promise.all(flying);
      world.check();
      for (let passes = 0; passes < 4; passes++) {
        world.nowMs += GRACE_MS;
        good(await world.pass());
      }
      const named = new Set<string>();
      addDigests(world.state, named);
      assert.deepEqual(new Set(world.disk.blobs.keys()), named, "all the rest is gone");
      assert.equal(world.disk.uploads.size, 0, "unfinished uploads too");
      assert.equal(world.blobs.count(), named.size);
      assert.equal(
        world.blobs.bytes(),
        [...world.disk.blobs.values()].reduce((sum, { length }) => sum + length, 0),
      );
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

test("a blob that is looked at while it is due stays, and its grace begins anew", async () => {
  const world = await World.start();
  good(await world.blobs.put(bytesOf(1)));
  good(await world.pass());
  world.nowMs += GRACE_MS;
  good(await world.blobs.stat(blobOf(1)));
  assert.equal(good(await world.pass()).removed, 0);
  world.nowMs += GRACE_MS - 1;
  assert.equal(good(await world.pass()).removed, 0);
  world.nowMs += 2;
  assert.equal(good(await world.pass()).removed, 1);
});

test("after a start nothing is removed before the grace is over", async () => {
  const world = await World.start();
  good(await world.blobs.put(bytesOf(1)));
  world.nowMs += 100 * GRACE_MS;
  await world.restart();
  assert.equal(good(await world.pass()).removed, 0);
  world.nowMs += GRACE_MS - 1;
  assert.equal(good(await world.pass()).removed, 0);
  world.nowMs += 1;
  assert.equal(good(await world.pass()).removed, 1);
});

/** A world in which these blobs are due: a pass would remove them now. */
async function dueWorld(...numbers: readonly number[]): Promise<World> {
  const world = await World.start();
  for (const one of numbers) good(await world.blobs.put(bytesOf(one)));
  good(await world.pass());
  world.nowMs += GRACE_MS + 1;
  return world;
}

test("what an event names while a pass is under way stays, though nobody used it", async () => {
  const world = await dueWorld(0, 1, 2, 3, 4, 5, 6, 7);
  const last = [...world.disk.blobs.keys()].sort().at(-1)!;
  const pass = world.pass();
  await tick();
  world.state.runs.set("1", runOf("1", last));
  world.collector.take([{ event: { type: "test.named", blob: last } }]);
  assert.equal(good(await pass).removed, 7);
  world.check();
});

test("whoever asks while a blob is being removed is told that it is gone", async () => {
  const world = await dueWorld(1);
  const pass = world.pass();
  while (world.removals === 0) await Promise.resolve();
  const [found, had] = await Promise.all([world.blobs.stat(blobOf(1)), world.blobs.has(blobOf(1))]);
  assert.deepEqual([found.ok, had], [false, false]);
  assert.equal(good(await pass).removed, 1);
});

test("a blob that is put while its like is being removed is there afterwards", async () => {
  for (const expected of [undefined, blobOf(1)]) {
    const world = await dueWorld(1);
    const pass = world.pass();
    while (world.removals === 0) await Promise.resolve();
    good(await world.blobs.put(bytesOf(1), expected));
    good(await pass);
    assert.ok(world.disk.blobs.has(blobOf(1)));
    assert.equal(world.blobs.bytes(), bytesOf(1).length);
  }
});

test("nothing is removed while a put is under way whose digest nobody knows yet", async () => {
  const world = await dueWorld(1, 2);
  let arrive = (): void => {};
  const arrived = new Promise<void>((done) => {
    arrive = done;
  });
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytesOf(1);
    await arrived;
  }
  const put = world.blobs.put(source());
  assert.equal(good(await world.pass()).removed, 0);
  arrive();
  good(await put);
  assert.equal(good(await world.pass()).removed, 1, "the other one");
  assert.ok(world.disk.blobs.has(blobOf(1)));
});

test("a dry run says what would go and removes nothing", async () => {
  const world = await World.start();
  world.state.runs.set("1", runOf("1", blobOf(1)));
  for (const one of [1, 2, 3]) good(await world.blobs.put(bytesOf(one)));
  good(await world.pass());
  world.nowMs += GRACE_MS + 1;
  good(await world.blobs.put(bytesOf(4)));
  const report = good(await world.pass(true));
  const { blobs, referenced, waiting, removed, complete } = report;
  assert.deepEqual([blobs, referenced, waiting, removed, complete], [4, 1, 1, 2, true]);
  assert.equal(world.disk.blobs.size, 4);
  assert.equal(good(await world.pass()).removed, 2);
  assert.equal(world.disk.blobs.size, 2);
});

test("a pass that is stopped ends after the blob in hand and says so", async () => {
  const world = await World.start();
  for (let one = 0; one < 20; one++) good(await world.blobs.put(bytesOf(one)));
  good(await world.pass());
  world.nowMs += GRACE_MS + 1;
  const stop = new AbortController();
  const pass = world.collector.pass({ signal: stop.signal });
  await tick();
  await tick();
  stop.abort();
  const report = good(await pass);
  assert.equal(report.complete, false);
  assert.ok(report.removed < 20 && world.disk.blobs.size === 20 - report.removed);
});
