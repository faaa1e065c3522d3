// Proves that transfers keep to an owner's bounds: over real sockets, and by the hour.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { parseHours } from "@tequio/core/pool";
import { blobClient } from "./blob-client.ts";
import { Throttle } from "./throttle.ts";

const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

test("over real sockets blobs go up and come down no faster than their owner allows", async (t) => {
  const blob = randomBytes(300_000);
  const got: Buffer[] = [];
  const server = createServer((request, reply) => {
    if (request.method === "GET") return reply.end(blob);
    assert.equal(request.headers["content-range"], "bytes 0-299999/300000");
    request.on("data", (chunk: Buffer) => got.push(chunk));
    request.on("end", () => reply.writeHead(201).end("{}"));
    return undefined;
  });
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rules = [{ hours: null, upMbitPerS: 4, downMbitPerS: 3 }];
  const client = blobClient(url, "token", rules);
  const timed = async (act: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await act();
    return (8 * blob.length) / 1e3 / (performance.now() - start);
  };
  const up = await timed(() => client.put(blob));
  assert.deepEqual(Buffer.concat(got), blob);
  // The bucket lets a tenth of a second of the rate go at once.
  assert.ok(up <= 4 * 1.25, `${up.toFixed(2)} Mbit/s up`);
  let back: Uint8Array | undefined;
  const down = await timed(async () => {
    back = await client.get(digestOf(blob));
  });
  assert.deepEqual(Buffer.from(back!), blob);
  assert.ok(down <= 3 * 1.25, `${down.toFixed(2)} Mbit/s down`);
  const free = await timed(() => blobClient(url, "token").get(digestOf(blob)));
  assert.ok(free > 2 * down, `without a bound ${free.toFixed(2)} Mbit/s`);
});

test("the rate follows the hours during a transfer, and without rules nothing waits", async () => {
  const spans = parseHours(["daily 08:00-09:00"]);
  assert.ok(spans.ok);
  const hours = {
    zone: "UTC",
    windows: [],
    spans: spans.value,
    offsets: [{ fromMs: 0, minutes: 0 }],
  };
  const clock = { ms: 0 };
  const startMs = 8.999 * 3_600_000;
  const throttle = new Throttle([{ hours, upMbitPerS: 0.8 }], "upMbitPerS", {
    wallMs: () => startMs + clock.ms,
    nowMs: () => clock.ms,
    wait: (ms) => {
      clock.ms += ms;
      return Promise.resolve();
    },
  });
  // 100 bytes a millisecond until 9 o'clock, which is 3.6 s away; then as fast as it goes.
  let bytes = 0;
  for await (const piece of throttle.paced(new Uint8Array(10_000_000))) {
    if (startMs + clock.ms < 9 * 3_600_000) bytes += piece.length;
  }
  assert.ok(bytes > 300_000 && bytes <= 3_600 * 100 + 20_000, `${bytes} bytes before 9`);
  assert.ok(clock.ms < 6_000, `${clock.ms} ms in all`);
  const open = new Throttle([], "downMbitPerS", {
    ...{ wallMs: () => 0, nowMs: () => 0 },
    wait: () => Promise.reject(new Error("waited")),
  });
  await open.take(1e12);
});
