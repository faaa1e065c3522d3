// Proves blobs over HTTP: whole, in parts, after a cut, by range, and on a full disk.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { createMemoryFaults, openMemoryStore } from "@tequio/stores/memory";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";

const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const pathOf = (bytes: Uint8Array): string => `/v1/blobs/${digestOf(bytes)}`;

const start = async (t: TestContext): Promise<TestServer> =>
  startServer(t, good(await openMemoryStore()));

const codeOf = async (reply: Response): Promise<string> =>
  ((await reply.json()) as { code: string }).code;

const put = (server: TestServer, path: string, body: Uint8Array, headers = {}) =>
  server.http(path, { method: "PUT", body: new Uint8Array(body), headers });

test("a blob comes back as it was put, whole and by range", async (t) => {
  const server = await start(t);
  const bytes = randomBytes(5_000_000);
  const path = pathOf(bytes);
  assert.equal((await server.http(path)).status, 404);
  assert.equal((await put(server, path, bytes)).status, 201);
  assert.equal((await put(server, path, bytes)).status, 201, "twice is fine");
  const whole = await server.http(path);
  assert.equal(whole.headers.get("content-type"), "application/octet-stream");
  assert.equal(whole.headers.get("etag"), `"${digestOf(bytes)}"`);
  assert.equal(digestOf(new Uint8Array(await whole.arrayBuffer())), digestOf(bytes));
  const part = await server.http(path, { headers: { range: "bytes=100-199" } });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get("content-range"), "bytes 100-199/5000000");
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(100, 200));
  const tail = await server.http(path, { headers: { range: "bytes=-10" } });
  assert.deepEqual(Buffer.from(await tail.arrayBuffer()), bytes.subarray(-10));
  const head = await server.http(path, { method: "HEAD" });
  assert.equal(head.headers.get("content-length"), "5000000");
  const known = { headers: { "if-none-match": `"${digestOf(bytes)}"` } };
  assert.equal((await server.http(path, known)).status, 304);
});

test("ranges outside of the blob and digests that do not fit are refused", async (t) => {
  const server = await start(t);
  const bytes = randomBytes(1_000);
  await put(server, pathOf(bytes), bytes);
  for (const range of ["bytes=1000-", "bytes=5-4", "bytes=-", "lines=1-2"]) {
    const reply = await server.http(pathOf(bytes), { headers: { range } });
    assert.deepEqual([reply.status, await codeOf(reply)], [416, "RANGE_INVALID"], range);
  }
  const wrong = await put(server, pathOf(randomBytes(10)), bytes);
  assert.equal(await codeOf(wrong), "DIGEST_MISMATCH");
  assert.equal(await codeOf(await put(server, "/v1/blobs/md5:1", bytes)), "INVALID_REQUEST");
  const range = { "content-range": "bytes 0-5/3" };
  assert.equal(await codeOf(await put(server, pathOf(bytes), bytes, range)), "INVALID_REQUEST");
});

test("an upload in parts goes on where it was, and says where that is", async (t) => {
  const server = await start(t);
  const bytes = randomBytes(3_000);
  const path = pathOf(bytes);
  const part = (from: number, to: number) =>
    put(server, path, bytes.subarray(from, to), {
      "content-range": `bytes ${from}-${to - 1}/${bytes.length}`,
    });
  assert.equal((await part(0, 1_000)).status, 202);
  const head = await server.http(path, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("upload-offset")], [404, "1000"]);
  const gap = await part(2_000, 3_000);
  assert.equal(gap.status, 409);
  assert.equal(((await gap.json()) as { at: string }).at, "1000");
  assert.equal((await part(500, 2_000)).status, 202, "what is there already is skipped");
  assert.equal((await part(2_000, 3_000)).status, 201);
  assert.equal((await server.http(path)).status, 200);
});

test("what arrived before a cut is kept, and the whole may be sent again", async (t) => {
  const server = await start(t);
  const bytes = randomBytes(200_000);
  const path = pathOf(bytes);
  const cut = request(server.server.url + path, {
    method: "PUT",
    headers: {
      authorization: `Bearer ${server.token}`,
      "content-length": bytes.length,
      "content-type": "application/octet-stream",
    },
  });
  cut.on("error", () => {});
  cut.write(bytes.subarray(0, 120_000));
  setTimeout(() => cut.destroy(), 50);
  await until("the first part", async () => {
    const head = await server.http(path, { method: "HEAD" });
    return head.headers.get("upload-offset") === "120000";
  });
  assert.equal((await put(server, path, bytes)).status, 201);
});

test("a full disk refuses a blob with its code and takes it afterwards", async (t) => {
  const faults = createMemoryFaults();
  const server = await startServer(t, good(await openMemoryStore({ faults })));
  const bytes = randomBytes(1_000);
  faults.fullWrites = 1;
  const full = await put(server, pathOf(bytes), bytes);
  assert.deepEqual([full.status, await codeOf(full)], [507, "STORE_FULL"]);
  assert.equal(full.headers.get("retry-after"), "30");
  assert.equal((await put(server, pathOf(bytes), bytes)).status, 201);
});
