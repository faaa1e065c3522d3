// Proves the quotas of blobs: over HTTP before a byte is taken, and whose bytes count for what.
// Also that the collector of a real server leaves a run in peace, however often it looks.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { ENDPOINTS } from "@tequio/contract";
import { emptyState, type JobState, type RunState } from "@tequio/core/controller";
import { digestOf } from "@tequio/stores";
import { createMemoryDisk, openMemoryStore } from "@tequio/stores/memory";
import { blobsOf } from "../blob-guard.ts";
import { ended, makeSite } from "../testing/agent.ts";
import { aMoment, good, startServer, until } from "../testing/setup.ts";
import { FakeWorker, fakeTrainer, RUN } from "../testing/training.ts";
import { BLOB_QUOTAS_DEFAULT, makeBlobQuota } from "./quota.ts";
import { watchBlobs } from "./watched.ts";

test("a blob over the pool's quota is refused before its bytes are taken", async (t) => {
  const disk = createMemoryDisk();
  const blobCare = { quotas: { poolBytes: 1_000 } };
  const server = await startServer(t, good(await openMemoryStore({ disk })), { blobCare });
  const put = async (bytes: Uint8Array, headers = {}) => {
    const path = `/v1/blobs/${digestOf(bytes)}`;
    const reply = await server.http(path, { method: "PUT", body: new Uint8Array(bytes), headers });
    const { code, at } = (await reply.json()) as { readonly code?: string; readonly at?: string };
    return [reply.status, code, at];
  };
  const [first, second, third] = [randomBytes(600), randomBytes(401), randomBytes(11)];
  assert.equal((await put(first))[0], 201);
  assert.deepEqual(await put(second), [507, "BLOB_QUOTA", "pool"]);
  assert.equal(disk.uploads.size, 0);
  assert.equal((await put(first))[0], 201, "what is there costs nothing");
  const large = randomBytes(390);
  const part = { "content-range": `bytes 0-9/${large.length}` };
  const begun = await server.http(`/v1/blobs/${digestOf(large)}`, {
    ...{ method: "PUT", body: new Uint8Array(large.subarray(0, 10)), headers: part },
  });
  assert.equal(begun.status, 202);
  assert.deepEqual(await put(third), [507, "BLOB_QUOTA", "pool"], "a promise counts in full");
  assert.equal((await put(large))[0], 201, "what was begun goes on");
});

test("bytes count for the run that they belong to, for its project and for the pool", async () => {
  const state = emptyState();
  for (const [jobId, project] of [
    ["1", "bio"],
    ["2", "bio"],
    ["3", "phys"],
  ] as const) {
    state.jobs.set(jobId, { jobId, spec: { project } } as JobState);
    state.runs.set(jobId, { jobId } as RunState);
  }
  const store = good(await openMemoryStore());
  const blobs = watchBlobs(store.blobs, () => 0);
  const owned = new Map<string, string[]>([
    ["1", []],
    ["2", []],
    ["3", []],
  ]);
  const quota = makeBlobQuota({
    quotas: { ...BLOB_QUOTAS_DEFAULT, runBytes: 100, projectBytes: 150, poolBytes: 220 },
    ...{ state: () => state, blobs, blobsOf: (jobId) => owned.get(jobId) ?? [] },
  });
  const add = async (jobId: string, size: number): Promise<string | undefined> => {
    const bytes = randomBytes(size);
    const refusal = quota.admit(digestOf(bytes), size, jobId);
    if (refusal !== undefined) return refusal.at;
    await blobs.beginUpload(digestOf(bytes), size);
    await blobs.appendUpload(digestOf(bytes), 0, bytes);
    good(await blobs.finishUpload(digestOf(bytes)));
    owned.get(jobId)!.push(digestOf(bytes));
    return undefined;
  };
  assert.equal(await add("1", 90), undefined);
  assert.equal(await add("1", 11), "run 1");
  assert.equal(await add("2", 61), "project bio");
  assert.equal(await add("2", 60), undefined);
  assert.equal(await add("3", 71), "pool");
  assert.equal(await add("3", 70), undefined);
  assert.equal(quota.runBytes("1"), 90);
  // Two at once: the second is refused though the first has brought nothing yet.
  good(await blobs.delete(owned.get("3")!.pop()!));
  assert.equal(quota.admit(digestOf(Buffer.of(1)), 50, "3"), undefined);
  assert.equal(quota.admit(digestOf(Buffer.of(2)), 50, "3")?.at, "pool");
  good(await blobs.beginUpload(digestOf(Buffer.of(1)), 50));
  assert.equal(quota.admit(digestOf(Buffer.of(1)), 50, "3"), undefined, "it goes on");
  await blobs.abortUpload(digestOf(Buffer.of(1)));
  assert.equal(quota.admit(digestOf(Buffer.of(2)), 50, "3"), undefined);
  await store.close();
});

test("a run goes through all its rounds while the collector goes through its blobs", async (t) => {
  const disk = createMemoryDisk();
  const server = await startServer(t, good(await openMemoryStore({ disk })), {
    trainer: fakeTrainer(),
    blobCare: { graceMs: 1_000, everyMs: 2, restMs: 1 },
  });
  const site = await makeSite(t, server, "uni-lab");
  const { id } = good(await server.client.call("submitJob", { body: RUN(8) }));
  const order = await site.agent.order(id);
  site.agent.report(order, { kind: "running" });
  const litter = await server.http(`/v1/blobs/${digestOf(Buffer.of(7))}`, {
    ...{ method: "PUT", body: new Uint8Array([7]) },
  });
  assert.equal(litter.status, 201);
  const options = { url: server.server.url, token: order.start!.taskToken, runId: id };
  await new FakeWorker(options).run();
  site.agent.report(order, ended(0, 100));
  await until("the end", () => server.server.pump.state.jobs.get(id)!.outcome ?? undefined);
  await until("the litter to go", () => !disk.blobs.has(digestOf(Buffer.of(7))));
  const run = server.server.pump.state.runs.get(id)!;
  const { model } = run.machine;
  const needed = blobsOf(run);
  assert.ok(needed.has(model.modelBlob) && needed.has(model.checkpointBlob!));
  const missing = [...needed].filter((digest) => !disk.blobs.has(digest as `sha256:${string}`));
  assert.deepEqual(missing, []);
});

test("an operator sees the blobs' amounts and removes unused ones on demand", async (t) => {
  const disk = createMemoryDisk();
  const blobCare = { graceMs: 1, everyMs: 3_600_000 };
  const server = await startServer(t, good(await openMemoryStore({ disk })), { blobCare });
  const { client } = server;
  const collect = async (dryRun: boolean) =>
    good(await client.call("collectBlobs", { body: { dryRun } }));
  const path = `/v1/blobs/${digestOf(Buffer.of(7))}`;
  assert.equal((await server.http(path, { method: "PUT", body: new Uint8Array([7]) })).status, 201);
  const seen = good(await client.call("getBlobStore", {}));
  assert.ok(ENDPOINTS.getBlobStore.reply.safeParse(seen).success);
  const { blobs, bytes, promisedBytes } = seen;
  assert.deepEqual([blobs, bytes, promisedBytes, seen.graceMs], [1, 1, 0, 1]);
  await collect(false);
  await aMoment(20);
  const planned = await collect(true);
  assert.deepEqual([planned.removed, planned.removedBytes, disk.blobs.size], [1, 1, 1]);
  assert.ok(ENDPOINTS.collectBlobs.reply.safeParse(planned).success);
  assert.equal(good(await client.call("getBlobStore", {})).last?.removed, 0);
  const done = await collect(false);
  assert.deepEqual([done.removed, done.complete, disk.blobs.size], [1, true, 0]);
  assert.equal(good(await client.call("getBlobStore", {})).last?.removed, 1);
});
