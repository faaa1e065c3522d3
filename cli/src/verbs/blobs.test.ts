// What `tequio blobs` prints, and what it asks of the pool.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { runCli } from "../testing/run-cli.ts";

const pass = {
  ...{ blobs: 12, bytes: 9_000_000, referenced: 7, referencedBytes: 5_000_000 },
  ...{ waiting: 2, waitingBytes: 1_000_000, removed: 3, removedBytes: 3_000_000 },
  ...{ uploadsAbandoned: 0, complete: true },
};
const store = {
  ...{ blobs: 12, bytes: 9_000_000, promisedBytes: 500, poolBytesMax: 2_000_000_000_000 },
  ...{ projectBytesMax: 1_000_000_000, runBytesMax: 1_000_000, graceMs: 86_400_000, last: pass },
};

test("blobs shows amounts and quotas; gc removes, and with --dry-run only says so", async (t) => {
  const asked: unknown[] = [];
  const pool = await openFakePool({
    getBlobStore: () => store,
    collectBlobs: ({ body }) => {
      asked.push(body);
      return pass;
    },
  });
  t.after(() => pool.close());
  const env = { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN };
  const shown = await runCli(["blobs"], { env });
  assert.match(shown.out, /12 blobs, 9\.0 MB of 2\.0 TB/);
  assert.match(shown.out, /24 h for what nothing names/);
  assert.match((await runCli(["blobs", "gc", "--dry-run"], { env })).out, /Would go +3 blobs/);
  assert.match((await runCli(["blobs", "gc"], { env })).out, /Removed +3 blobs, 3\.0 MB/);
  assert.deepEqual(asked, [{ dryRun: true }, { dryRun: false }]);
});
