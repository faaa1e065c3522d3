// Blobs in a bucket against the common suite, and what only a bucket can do: parts, lost answers,
// absences, a process that ends in the middle. The server is played in memory.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { blobConformance } from "../conformance/blobs.ts";
import { collect, good, refused, type StoreSubject } from "../conformance/support.ts";
import { uploadConformance } from "../conformance/uploads.ts";
import { digestOf } from "../digest.ts";
import type { BlobStore } from "../port.ts";
import { openBucketBlobs, type S3Blobs } from "./blobs.ts";
import { parseS3Place } from "./index.ts";
import { LEFTOVER_MS, PART_BYTES, READ_BREAKS_MAX } from "./limits.ts";
import { blobsOnly } from "./testing/blobs-only.ts";
import {
  createMemoryServer,
  type MemoryServer,
  memoryBucket,
  s3Error,
} from "./testing/memory-bucket.ts";

const open = async (server: MemoryServer, bytesMax?: number): Promise<S3Blobs> =>
  good(
    await openBucketBlobs({
      bucket: memoryBucket(server),
      prefix: "pool/",
      nowMs: server.nowMs,
      ...(bytesMax === undefined ? {} : { bytesMax }),
    }),
  );

const servers = new Map<string, MemoryServer>();
const subject: StoreSubject = {
  name: "s3",
  async open(place, options) {
    const server = servers.get(place) ?? createMemoryServer();
    servers.set(place, server);
    return { ok: true, value: blobsOnly(await open(server, options?.blobBytesMax)) };
  },
  async tamper() {
    assert.fail("the journal of this store is another one's");
  },
};

describe("the s3 store", { concurrency: false }, () => {
  describe("blobs", () => blobConformance(subject));
  describe("uploads", () => uploadConformance(subject));
});

const LARGE = randomBytes(2 * PART_BYTES + 100_000);
const DIGEST = digestOf(LARGE);

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const keysOf = (server: MemoryServer): readonly string[] => [...server.objects.keys()];

test("a large blob goes in parts, its digest known or not, and leaves nothing else", async () => {
  for (const expected of [DIGEST, undefined]) {
    const server = createMemoryServer();
    const { blobs } = await open(server);
    good(await blobs.put(inChunks(LARGE, 3_000_000), expected));
    assert.ok(server.nextId > 1, "a multipart upload was used");
    assert.deepEqual(keysOf(server), [`pool/blobs/${DIGEST.slice(7)}`]);
    assert.equal(server.begun.size, 0);
    assert.equal(good(await blobs.verify(DIGEST)).size, LARGE.length);
  }
});

test("wrong bytes of a large blob are never visible and their parts are taken back", async () => {
  const server = createMemoryServer();
  const { blobs } = await open(server);
  refused(await blobs.put(inChunks(LARGE, 3_000_000), digestOf(Buffer.of(1))), "DIGEST_MISMATCH");
  assert.deepEqual([keysOf(server), server.begun.size], [[], 0]);
});

test("a full, a denying and an absent server refuse by code and keep nothing", async () => {
  const cases = [
    [s3Error("XMinioStorageFull", 507), "STORE_FULL"],
    [s3Error("QuotaExceeded", 403), "STORE_FULL"],
    [s3Error("AccessDenied", 403), "STORE_UNWRITABLE"],
    [s3Error("NoSuchBucket", 404), "STORE_UNWRITABLE"],
    [s3Error("MethodNotAllowed", 405), "STORE_UNWRITABLE"],
    [s3Error("SlowDown", 503), "STORE_UNREACHABLE"],
    [Object.assign(new Error("no"), { code: "ECONNREFUSED" }), "STORE_UNREACHABLE"],
  ] as const;
  for (const [error, code] of cases) {
    for (const verb of ["put", "part", "complete"]) {
      const server = createMemoryServer();
      const { blobs } = await open(server);
      server.before = (asked) => {
        if (asked === verb) throw error;
      };
      const bytes = verb === "put" ? LARGE.subarray(0, 9) : LARGE;
      refused(await blobs.put(bytes), code);
      assert.deepEqual([keysOf(server), server.begun.size], [[], 0], `${code} at ${verb}`);
    }
  }
});

test("what is no trouble of the server is thrown on", async () => {
  const server = createMemoryServer();
  const { blobs } = await open(server);
  server.before = () => {
    throw new TypeError("a bug");
  };
  await assert.rejects(() => blobs.put(LARGE.subarray(0, 9)), /a bug/);
});

test("reading goes on where a link broke, and gives up when nothing comes any more", async () => {
  const server = createMemoryServer();
  const { blobs } = await open(server);
  good(await blobs.put(LARGE));
  let breaks = 0;
  server.before = (verb) => {
    if (verb !== "get-rest" || breaks >= 12) return;
    breaks += 1;
    throw Object.assign(new Error("cut"), { code: "ECONNRESET" });
  };
  assert.deepEqual(await collect(good(await blobs.open(DIGEST)).chunks), new Uint8Array(LARGE));
  assert.equal(breaks, 12);
  let tries = 0;
  server.before = (verb) => {
    if (verb !== "get") return;
    tries += 1;
    throw s3Error("SlowDown", 503);
  };
  refused(await blobs.verify(DIGEST), "STORE_UNREACHABLE");
  assert.equal(tries, READ_BREAKS_MAX + 1);
});

test("old leftovers of puts are removed at open, young ones and other things stay", async () => {
  const server = createMemoryServer();
  const bucket = memoryBucket(server);
  await bucket.put("pool/incoming/put-old", Buffer.of(1));
  await bucket.begin("pool/incoming/put-old-parts");
  await bucket.put("elsewhere/incoming/put-old", Buffer.of(1));
  server.nowMs += LEFTOVER_MS;
  await bucket.put("pool/incoming/put-young", Buffer.of(1));
  server.nowMs += 1_000;
  assert.equal((await open(server)).tempFilesRemoved, 2);
  assert.deepEqual(keysOf(server), ["elsewhere/incoming/put-old", "pool/incoming/put-young"]);
});

/** Sends the whole upload as a client would: on a refusal it asks where to go on. */
async function send(blobs: BlobStore, bytes: Uint8Array, chunkBytes: number): Promise<void> {
  const digest = digestOf(bytes);
  for (let tries = 0; tries < 200; tries++) {
    const begun = await blobs.beginUpload(digest, bytes.length);
    if (!begun.ok) continue;
    if (begun.value.complete) return;
    let at = begun.value.offset;
    while (at < bytes.length) {
      const sent = await blobs.appendUpload(digest, at, bytes.subarray(at, at + chunkBytes));
      if (!sent.ok) break;
      at = sent.value.offset;
    }
    if (at >= bytes.length && (await blobs.finishUpload(digest)).ok) return;
  }
  assert.fail("the upload never came to its end");
}

test("an upload ends well whatever is cut off, lost or started anew on its way", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.constantFrom("ok", "before", "after", "restart"), { maxLength: 30 }),
    fc.constantFrom(2_500_000, 4_194_304, 9_000_000),
    async (fates, chunkBytes) => {
      const server = createMemoryServer();
      const left = [...fates];
      const meet = (when: "before" | "after") => () => {
        if (left[0] === when) {
          left.shift();
          throw Object.assign(new Error("cut"), { code: "ECONNRESET" });
        }
        if (when === "before" && left[0] === "ok") left.shift();
        if (when === "before" && left[0] === "restart") throw s3Error("SlowDown", 503);
      };
      const blobs = (await open(server)).blobs;
      let current = blobs;
      server.before = meet("before");
      server.after = meet("after");
      // A restart: what the process knew is gone, what it was told is durable is there.
      const restarting = new Proxy(blobs, {
        get:
          (_, verb) =>
          async (...args: unknown[]) => {
            if (left[0] === "restart") {
              left.shift();
              const hold = left.splice(0);
              current = (await open(server)).blobs;
              left.push(...hold);
            }
            return Reflect.apply(Reflect.get(current, verb), current, args);
          },
      });
      await send(restarting, LARGE, chunkBytes);
      left.length = 0;
      assert.equal(good(await current.verify(DIGEST)).size, LARGE.length);
      assert.deepEqual(await current.uploads(), []);
      const rest = keysOf(server).filter((key) => key.startsWith("pool/blobs/"));
      assert.equal(rest.length, 1);
    },
  );
  await fc.assert(property, { numRuns: 12 });
});

test("an upload that the server has forgotten starts anew", async () => {
  const server = createMemoryServer();
  const { blobs } = await open(server);
  good(await blobs.beginUpload(DIGEST, LARGE.length));
  good(await blobs.appendUpload(DIGEST, 0, LARGE.subarray(0, 12_000_000)));
  server.begun.clear();
  refused(await blobs.appendUpload(DIGEST, 12_000_000, LARGE.subarray(12_000_000)), "NOT_FOUND");
  assert.equal(good(await blobs.beginUpload(DIGEST, LARGE.length)).offset, 0);
  await send(blobs, LARGE, 4_000_000);
  assert.equal(good(await blobs.verify(DIGEST)).size, LARGE.length);
});

test("wrong bytes of a large upload are found after a restart too", async () => {
  const server = createMemoryServer();
  const first = await open(server);
  const wrong = Buffer.from(LARGE);
  wrong[5] = wrong[5]! ^ 1;
  good(await first.blobs.beginUpload(DIGEST, LARGE.length));
  good(await first.blobs.appendUpload(DIGEST, 0, wrong.subarray(0, 9_000_000)));
  const { blobs } = await open(server);
  good(await blobs.appendUpload(DIGEST, 9_000_000, wrong.subarray(9_000_000)));
  refused(await blobs.finishUpload(DIGEST), "DIGEST_MISMATCH");
  assert.equal(await blobs.has(DIGEST), false);
  assert.deepEqual([keysOf(server), server.begun.size], [[], 0]);
});

test("a place names bucket and prefix, and never a password", () => {
  assert.deepEqual(good(parseS3Place("s3://blobs")), { bucket: "blobs", prefix: "" });
  const nested = { bucket: "my.blobs", prefix: "pool/one" };
  assert.deepEqual(good(parseS3Place("s3://my.blobs/pool/one")), nested);
  for (const text of ["blobs", "s3://", "s3://key:secret@host/b", "https://host/b", "s3://b"]) {
    refused(parseS3Place(text), "INVALID_REQUEST");
  }
});
