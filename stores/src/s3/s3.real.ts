// Blobs in a bucket of a real server over the real protocol: the common suite, broken links, a
// killed server and a killed control plane. Needs Moto's server (see ../conformance/s3-server.ts).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { S3Client } from "@aws-sdk/client-s3";
import { blobConformance } from "../conformance/blobs.ts";
import { S3_CREDENTIALS, type S3Server, startS3 } from "../conformance/s3-server.ts";
import { collect, good, refused, type StoreSubject } from "../conformance/support.ts";
import { uploadConformance } from "../conformance/uploads.ts";
import { digestOf } from "../digest.ts";
import { makeBucket } from "./client.ts";
import { openS3Blobs } from "./index.ts";
import { hashObject } from "./read.ts";
import { blobsOnly } from "./testing/blobs-only.ts";
import { startRelay } from "./testing/relay.ts";

let server: S3Server;
before(async () => {
  server = await startS3();
  await server.makeBucket("blobs");
});
after(() => server.kill());

const subject: StoreSubject = {
  name: "s3",
  async open(place, options) {
    const opened = await openS3Blobs({ ...server.options("blobs", place.slice(1)), ...options });
    return opened.ok ? { ok: true, value: blobsOnly(opened.value) } : opened;
  },
  async tamper() {
    assert.fail("the journal of this store is another one's");
  },
};

describe("the s3 store on a real server", { concurrency: false }, () => {
  describe("blobs", () => blobConformance(subject));
  describe("uploads", () => uploadConformance(subject));
});

const LARGE = randomBytes(40_000_000);
const DIGEST = digestOf(LARGE);

test("a large blob goes in parts and comes back, whole and by range", async () => {
  const { blobs, close } = good(await openS3Blobs(server.options("blobs", "large")));
  assert.equal(good(await blobs.put(LARGE)).digest, DIGEST);
  assert.equal(good(await blobs.verify(DIGEST)).size, LARGE.length);
  const range = { start: 16_777_210, end: 16_777_230 };
  const part = await collect(good(await blobs.open(DIGEST, range)).chunks);
  assert.deepEqual(Buffer.from(part), LARGE.subarray(range.start, range.end));
  refused(await blobs.put(LARGE, digestOf(Buffer.of(1))), "DIGEST_MISMATCH");
  assert.deepEqual(await blobs.list({ limit: 10 }), [{ digest: DIGEST, size: LARGE.length }]);
  close();
});

test("an object over the bound of one copy is copied in parts", async () => {
  const { endpoint } = server;
  const client = new S3Client({
    ...{ endpoint, region: "us-east-1", credentials: S3_CREDENTIALS, forcePathStyle: true },
  });
  const bucket = makeBucket(client, "blobs", 6_000_000);
  await bucket.put("copies/from", LARGE.subarray(0, 20_000_000));
  await bucket.copy("copies/from", "copies/to", 20_000_000);
  const found = await hashObject(bucket, "copies/to", 20_000_000);
  assert.equal(found, digestOf(LARGE.subarray(0, 20_000_000)));
  bucket.close();
});

test("a list of more than one page of the server's is whole and in order", async () => {
  const { blobs, close } = good(await openS3Blobs(server.options("blobs", "pages")));
  const all: string[] = [];
  for (let seed = 0; seed < 1_050; seed += 50) {
    const bytes = Array.from({ length: 50 }, (_, at) => Buffer.from(`blob ${seed + at}`));
    const put = await Promise.all(bytes.map((one) => blobs.put(one)));
    all.push(...put.map((one) => good(one).digest));
  }
  const first = await blobs.list({ limit: 1_000 });
  const rest = await blobs.list({ limit: 1_000, after: first.at(-1)!.digest });
  assert.deepEqual([first.length, rest.length], [1_000, 50]);
  assert.deepEqual(
    [...first, ...rest].map(({ digest }) => digest),
    all.sort(),
  );
  close();
});

test("links that break and a server that is away for a while cost time and no byte", async () => {
  const relay = await startRelay(server.port);
  const options = { ...server.options("blobs", "cut"), endpoint: relay.endpoint };
  const { blobs, close } = good(await openS3Blobs(options));
  good(await blobs.beginUpload(DIGEST, LARGE.length));
  relay.cuts.push(3_000_000, 5_000_000, 1_000_000);
  let at = 0;
  let refusals = 0;
  while (at < LARGE.length) {
    relay.away = refusals === 0 && at > 10_000_000;
    const sent = await blobs.appendUpload(DIGEST, at, LARGE.subarray(at, at + 9_000_000));
    if (sent.ok) at = sent.value.offset;
    else {
      assert.equal(sent.code, "STORE_UNREACHABLE");
      refusals += 1;
    }
  }
  assert.equal(refusals, 1);
  assert.equal(good(await blobs.finishUpload(DIGEST)).size, LARGE.length);
  assert.equal(good(await blobs.verify(DIGEST)).size, LARGE.length);
  close();
  await relay.close();
});

test("a control plane that is killed in the middle of an upload goes on where it was", async () => {
  const options = server.options("blobs", "killed");
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "testing/upload-child.ts"), JSON.stringify([options, 60_000_000])],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let digest = "";
  let acknowledged = 0;
  for await (const line of createInterface(child.stdout)) {
    if (digest === "") digest = line;
    else acknowledged = Number(line);
    if (acknowledged >= 20_000_000) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  assert.equal(child.signalCode, "SIGKILL");
  const { blobs, close } = good(await openS3Blobs(options));
  const [upload, ...others] = await blobs.uploads();
  assert.deepEqual([upload?.digest, others.length], [digest, 0]);
  assert.ok(upload!.offset >= acknowledged && upload!.offset < 60_000_000, `${upload!.offset}`);
  assert.equal(await blobs.abortUpload(digest), true);
  assert.deepEqual(await blobs.list({ limit: 10 }), []);
  close();
});

test("what was sent before is not sent again, and the digest is checked", async () => {
  const options = server.options("blobs", "resumed");
  const first = good(await openS3Blobs(options));
  good(await first.blobs.beginUpload(DIGEST, LARGE.length));
  for (let at = 0; at < 24_000_000; at += 4_000_000) {
    good(await first.blobs.appendUpload(DIGEST, at, LARGE.subarray(at, at + 4_000_000)));
  }
  const { blobs, close } = good(await openS3Blobs(options)); // The first was never closed.
  assert.equal(good(await blobs.beginUpload(DIGEST, LARGE.length)).offset, 24_000_000);
  for (let at = 24_000_000; at < LARGE.length; at += 4_000_000) {
    good(await blobs.appendUpload(DIGEST, at, LARGE.subarray(at, at + 4_000_000)));
  }
  good(await blobs.finishUpload(DIGEST));
  assert.equal(good(await blobs.verify(DIGEST)).size, LARGE.length);
  first.close();
  close();
});

test("a server that is killed in the middle refuses, and a new one takes all anew", async () => {
  const own = await startS3();
  await own.makeBucket("mine");
  const { blobs, close } = good(await openS3Blobs(own.options("mine")));
  good(await blobs.beginUpload(DIGEST, LARGE.length));
  good(await blobs.appendUpload(DIGEST, 0, LARGE.subarray(0, 16_000_000)));
  const flying = blobs.appendUpload(DIGEST, 16_000_000, LARGE.subarray(16_000_000, 32_000_000));
  await own.kill();
  const cut = await flying;
  if (!cut.ok) assert.equal(cut.code, "STORE_UNREACHABLE");
  refused(await blobs.put(LARGE), "STORE_UNREACHABLE");
  refused(await blobs.stat(DIGEST), "STORE_UNREACHABLE");
  refused(await openS3Blobs(own.options("mine")), "STORE_UNREACHABLE");
  const again = await startS3(own.port);
  refused(await openS3Blobs(again.options("mine")), "STORE_UNWRITABLE"); // No such bucket.
  await again.makeBucket("mine");
  const offset = cut.ok ? cut.value.offset : 16_000_000;
  const lost = await blobs.appendUpload(DIGEST, offset, LARGE.subarray(offset, offset + 8_000_000));
  refused(lost, "NOT_FOUND");
  assert.equal(good(await blobs.beginUpload(DIGEST, LARGE.length)).offset, 0);
  for (let at = 0; at < LARGE.length; at += 16_000_000) {
    good(await blobs.appendUpload(DIGEST, at, LARGE.subarray(at, at + 16_000_000)));
  }
  good(await blobs.finishUpload(DIGEST));
  assert.equal(good(await blobs.verify(DIGEST)).size, LARGE.length);
  close();
  await again.kill();
});

test("credentials come from the environment, and none at all is a refusal", async () => {
  const { credentials: _, ...options } = server.options("blobs", "environment");
  const names = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
  Object.assign(process.env, names, { AWS_EC2_METADATA_DISABLED: "true" });
  refused(await openS3Blobs(options), "STORE_UNWRITABLE");
  process.env.AWS_ACCESS_KEY_ID = S3_CREDENTIALS.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = S3_CREDENTIALS.secretAccessKey;
  const { blobs, close } = good(await openS3Blobs(options));
  good(await blobs.put(Buffer.of(1, 2, 3)));
  close();
});
