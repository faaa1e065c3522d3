// Proves that uploads leave room on the disk for the journal, and that one caller cannot hold all.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import { test } from "node:test";
import { LIMITS, ok } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer, until } from "../testing/setup.ts";
import type { Caller } from "./caller.ts";
import { UploadSlots } from "./upload-guard.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const TEN_GB = 10_000_000_000;
const RESERVE = LIMITS.DISK_RESERVE_BYTES;

test("10 GB for a disk without room are refused at once, and not read", async (t) => {
  const store = good(await openMemoryStore());
  const { server, token } = await startServer(t, store, { freeBytes: async () => TEN_GB });
  let sent = 0;
  const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-length": TEN_GB };
    const options = { port: server.port, path: `/v1/blobs/${DIGEST}`, method: "PUT", headers };
    const put = request(options, (reply) => {
      let body = "";
      reply.on("data", (data: Buffer) => {
        body += data.toString();
      });
      reply.on("end", () => resolve({ status: reply.statusCode ?? 0, body }));
    });
    put.on("error", reject);
    sent += 65_536;
    put.write(Buffer.alloc(65_536));
  });
  assert.equal(answer.status, 507);
  assert.match(answer.body, /"code":"STORE_FULL".*10000000000 bytes/);
  assert.ok(sent < 1_000_000);
  assert.deepEqual(await store.blobs.uploads(), [], "nothing of it is kept");
});

test("a disk that fills up while an upload comes keeps its reserve", async (t) => {
  const store = good(await openMemoryStore());
  const bytes = randomBytes(9_000_000);
  let free = RESERVE + bytes.length;
  const { http } = await startServer(t, store, { freeBytes: async () => free });
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const put = (start: number, end: number) =>
    http(`/v1/blobs/${digest}`, {
      method: "PUT",
      body: bytes.subarray(start, end),
      headers: { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` },
    });
  assert.equal((await put(0, 3_000_000)).status, 202);
  free = RESERVE + 5_000_000;
  const refused = await put(3_000_000, 9_000_000);
  assert.equal(refused.status, 507);
  assert.deepEqual(await store.blobs.uploads(), [], "what could not end was removed");
  free = RESERVE + bytes.length;
  assert.equal((await put(0, 9_000_000)).status, 201);
});

test("one caller has so many uploads at a time, and another one is not held up", async () => {
  const slots = new UploadSlots();
  const person = (tokenId: string) => ({ kind: "person", tokenId }) as Caller;
  const release: (() => void)[] = [];
  const long = () =>
    new Promise<{ ok: true; value: number }>((resolve) => {
      release.push(() => resolve(ok(1)));
    });
  const open = Array.from({ length: LIMITS.UPLOADS_PER_CALLER_MAX }, () =>
    slots.during(person("a"), long),
  );
  const over = await slots.during(person("a"), long);
  assert.equal(!over.ok && over.code, "TOO_MANY");
  const other = slots.during(person("b"), async () => ok(2));
  assert.equal(good(await other), 2);
  for (const end of release) end();
  await Promise.all(open);
  assert.equal(good(await slots.during(person("a"), async () => ok(3))), 3);
});

test("an upload whose client goes away frees its place", async (t) => {
  const store = good(await openMemoryStore());
  const { server, token, http } = await startServer(t, store);
  const headers = { authorization: `Bearer ${token}`, "content-length": 1_000 };
  for (let i = 0; i < LIMITS.UPLOADS_PER_CALLER_MAX; i += 1) {
    const digest = `sha256:${String(i).padStart(64, "0")}`;
    const put = request({ port: server.port, path: `/v1/blobs/${digest}`, method: "PUT", headers });
    put.on("error", () => {});
    put.write("some");
    await until("it has begun", async () => (await store.blobs.uploads()).length > i);
    setTimeout(() => put.destroy(), 100);
  }
  const bytes = Buffer.from("others");
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  await until("a place is free", async () => {
    return (await http(`/v1/blobs/${digest}`, { method: "PUT", body: bytes })).status === 201;
  });
});
