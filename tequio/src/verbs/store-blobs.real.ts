// A pool whose blobs lie in a bucket of a real server, as its operator moves, backs up and
// restores it. Needs Moto's server (`pip install 'moto[server]'`).
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { S3_CREDENTIALS, type S3Server, startS3 } from "@tequio/stores/conformance";
import { type Process, runTequio, startTequio } from "../testing/real-pool.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-bucket-"));
const home = join(root, "home");
const data = join(root, "pool");
const running = new Set<Process>();
let server: S3Server;
before(async () => {
  process.env.AWS_ACCESS_KEY_ID = S3_CREDENTIALS.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = S3_CREDENTIALS.secretAccessKey;
  server = await startS3();
  await server.makeBucket("pools");
});
after(async () => {
  for (const { child, ended } of running) {
    child.kill("SIGKILL");
    await ended;
  }
  await server.kill();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

interface Up {
  readonly process: Process;
  readonly url: string;
  readonly token: string;
}

async function up(folder: string, ...flags: string[]): Promise<Up> {
  const fixed = ["--json", "--no-open", "--no-member", "--port", "0", "--data", folder];
  const process = startTequio(home, ["up", ...fixed, ...flags]);
  running.add(process);
  const ready = await process.line;
  assert.equal(ready.ready, true, JSON.stringify(ready));
  return { process, url: String(ready.url), token: String(ready.token) };
}

async function down({ process }: Up): Promise<void> {
  process.child.kill("SIGTERM");
  await process.ended;
  running.delete(process);
}

async function tell(...args: string[]): Promise<Record<string, unknown>> {
  const ran = await runTequio(home, [...args, "--json"]);
  assert.equal(ran.code, 0, ran.errors);
  return JSON.parse(ran.out) as Record<string, unknown>;
}

/** One small blob, and one that goes in pieces. */
const CONTENTS = [randomBytes(1_000), randomBytes(70_000_000)];
const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const BLOBS = { blobs: 2, blobBytes: 70_001_000 };

async function put(pool: Up, bytes: Uint8Array): Promise<void> {
  const headers = { authorization: `Bearer ${pool.token}` };
  const sent = await fetch(`${pool.url}/v1/blobs/${digestOf(bytes)}`, {
    ...{ method: "PUT", body: bytes, headers },
  });
  assert.ok(sent.ok, await sent.text());
}

async function assertHasAll(pool: Up): Promise<void> {
  const headers = { authorization: `Bearer ${pool.token}` };
  for (const bytes of CONTENTS) {
    const got = await fetch(`${pool.url}/v1/blobs/${digestOf(bytes)}`, { headers });
    assert.equal(got.status, 200);
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(bytes));
  }
}

const inBucket = (name: string) => [`s3://pools/${name}`, server.endpoint] as const;
const blobsOf = (folder: string) => existsSync(join(folder, "blobs", "incoming"));

test("blobs move from the folder to a bucket while the pool runs, and are sent once", async () => {
  const pool = await up(data);
  for (const bytes of CONTENTS) await put(pool, bytes);
  const [bucket, endpoint] = inBucket("one");
  const flags = [data, bucket, "--to-endpoint", endpoint];
  const first = await tell("store", "copy-blobs", ...flags);
  assert.deepEqual({ ...first, from: 0, to: 0 }, { ...BLOBS, blobsThere: 0, from: 0, to: 0 });
  await down(pool);
  const again = await tell("store", "copy-blobs", ...flags);
  assert.equal(again.blobsThere, 2);
  rmSync(join(data, "blobs"), { recursive: true });
  const moved = await up(data, "--blobs", bucket, "--blobs-endpoint", endpoint);
  await assertHasAll(moved);
  await down(moved);
  const note = JSON.parse(readFileSync(join(data, "blobs-place.json"), "utf8"));
  assert.deepEqual(note, { blobs: bucket, blobsEndpoint: endpoint });
});

test("a backup of a pool with a bucket holds its blobs, and is restored anywhere", async () => {
  const pool = await up(data); // It remembers the bucket.
  await assertHasAll(pool);
  const backup = join(root, "backup");
  const made = await tell("backup", backup, "--data", data);
  assert.deepEqual([made.blobs, made.blobBytes], [BLOBS.blobs, BLOBS.blobBytes]);
  await down(pool);

  const folder = join(root, "in-folder");
  assert.equal((await tell("restore", backup, "--data", folder)).blobs, 2);
  const twin = await up(folder);
  await assertHasAll(twin);
  await down(twin);
  assert.ok(blobsOf(folder) && !existsSync(join(folder, "blobs-place.json")));

  const other = join(root, "in-bucket");
  const [bucket, endpoint] = inBucket("two");
  const place = ["--blobs", bucket, "--blobs-endpoint", endpoint];
  assert.equal((await tell("restore", backup, "--data", other, ...place)).blobs, 2);
  const third = await up(other);
  await assertHasAll(third);
  await down(third);
});

test("a backup may keep its blobs in a bucket of its own and knows which", async () => {
  const backup = join(root, "thin");
  const [bucket, endpoint] = inBucket("backup");
  const place = ["--backup-blobs", bucket, "--backup-blobs-endpoint", endpoint];
  const made = await tell("backup", backup, "--data", data, ...place);
  assert.deepEqual([made.blobs, made.blobsThere], [2, 0]);
  const next = await tell("backup", join(root, "next"), "--data", data, ...place);
  assert.deepEqual([next.blobs, next.blobsThere], [2, 2], "nothing is sent twice");
  const folder = join(root, "of-thin");
  assert.equal((await tell("restore", backup, "--data", folder)).blobs, 2);
  const pool = await up(folder);
  await assertHasAll(pool);
  await down(pool);
});

test("a copied pool leaves its blobs in the bucket, or takes them to its folder", async () => {
  const stayed = join(root, "stayed");
  assert.equal((await tell("store", "copy", data, stayed)).blobs, 0);
  const pool = await up(stayed);
  await assertHasAll(pool);
  await down(pool);
  const taken = join(root, "taken");
  const copied = await tell("store", "copy", stayed, taken, "--to-blobs", "folder");
  assert.deepEqual([copied.blobs, copied.blobBytes], [BLOBS.blobs, BLOBS.blobBytes]);
  const own = await up(taken);
  await assertHasAll(own);
  await down(own);

  const [bucket] = inBucket("one");
  const back = ["store", "copy-blobs", bucket, data, "--from-endpoint", server.endpoint];
  assert.equal((await tell(...back)).blobs, 2);
  const home = await up(data, "--blobs", "folder");
  await assertHasAll(home);
  const held = await runTequio(root, back);
  assert.match(held.errors, /STORE_LOCKED/);
  await down(home);
});

test("a bucket that does not answer is refused, and the pool stays as it is", async () => {
  const away = ["--to-endpoint", "http://127.0.0.1:1"];
  const ran = await runTequio(home, ["store", "copy-blobs", data, "s3://pools/away", ...away]);
  assert.match(ran.errors, /STORE_UNREACHABLE/);
  const lone = await runTequio(home, [
    "backup",
    join(root, "x"),
    "--data",
    data,
    "--blobs-endpoint",
    "http://a",
  ]);
  assert.match(lone.errors, /USAGE.*--blobs-endpoint/s);
  const none = await runTequio(home, ["store", "copy-blobs", join(root, "no"), "s3://pools/x"]);
  assert.match(none.errors, /NOT_FOUND/);
});
