// Proves that a bounded way up is kept where bodies cannot be streamed, as in a browser: a blob
// goes as parts that follow each other, and arrives whole.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { blobClient } from "./blob-client.ts";

const BYTES = 200_000;
/** 4 Mbit/s: 200,000 bytes take 0.4 s. */
const RULES = [{ hours: null, upMbitPerS: 4 }];

test("a paced blob goes up in parts, in order and no faster than allowed", async (t) => {
  const ranges: string[] = [];
  const got: Buffer[] = [];
  const server = createServer(async (request, reply) => {
    ranges.push(request.headers["content-range"] ?? "all");
    for await (const piece of request) got.push(piece as Buffer);
    reply.end("{}");
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bytes = new Uint8Array(BYTES).map((_, i) => (i * 7) % 251);
  const startedMs = performance.now();
  await blobClient(url, "token", RULES, undefined, false).put(bytes);
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs > 250, `${tookMs} ms for 0.4 s of the rate, less a burst of 0.1 s`);
  assert.deepEqual(Buffer.concat(got), Buffer.from(bytes));
  let next = 0;
  for (const range of ranges) {
    const [, first, last] = /^bytes (\d+)-(\d+)\/200000$/.exec(range)!.map(Number);
    assert.equal(first, next);
    next = last! + 1;
  }
  assert.equal(next, BYTES);
});
