// Proves with real sockets and the real limits that slow clients are cut off in time and that the
// pool answers others meanwhile. Takes half a minute: the limits are what they are.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer } from "../testing/setup.ts";

/** A drop each half second: a connection over which something always goes. */
const DRIP_MS = 500;
const SLACK_MS = 4_000;
const CLIENTS = 200;

interface Ended {
  readonly afterMs: number;
  readonly answer: string;
}

/** Sends the head, then one byte of `drip` after another, until it is cut off. */
function slowClient(port: number, head: string, drip: string): Promise<Ended> {
  const startMs = performance.now();
  const socket = connect(port, "127.0.0.1", () => socket.write(head));
  const timer = setInterval(() => socket.write(drip), DRIP_MS);
  let answer = "";
  socket.on("data", (data: Buffer) => {
    answer += data.toString();
  });
  return new Promise((resolve) => {
    const end = (): void => {
      clearInterval(timer);
      resolve({ afterMs: performance.now() - startMs, answer });
    };
    socket.on("error", () => {}).on("close", end);
  });
}

test("200 slow-loris clients are cut off in time, others are answered meanwhile", async (t) => {
  const { server, client, token } = await startServer(t, good(await openMemoryStore()));
  const { port } = server;
  const headers = Array.from({ length: CLIENTS }, () =>
    slowClient(port, "GET /v1/jobs HTTP/1.1\r\nhost: a\r\n", "x-a: b\r\n"),
  );
  const head =
    `POST /v1/jobs HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\n` +
    "content-type: application/json\r\ncontent-length: 100000\r\n\r\n{";
  const bodies = Array.from({ length: 20 }, () => slowClient(port, head, " "));
  let slowestMs = 0;
  const stop = new AbortController();
  const others = (async () => {
    while (!stop.signal.aborted) {
      const startMs = performance.now();
      good(await client.call("getPool", {}));
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      await new Promise((done) => setTimeout(done, 200));
    }
  })();
  for (const { afterMs, answer } of await Promise.all(headers)) {
    assert.ok(afterMs < LIMITS.HEADERS_MS + SLACK_MS, `headers were waited for ${afterMs} ms`);
    assert.match(answer, /^HTTP\/1\.1 408 /);
  }
  for (const { afterMs, answer } of await Promise.all(bodies)) {
    assert.ok(afterMs < LIMITS.BODY_MS + SLACK_MS, `a body was waited for ${afterMs} ms`);
    assert.match(answer, /^HTTP\/1\.1 408 .*"code":"TOO_SLOW"/s);
  }
  stop.abort();
  await others;
  t.diagnostic(`the slowest answer to somebody else took ${slowestMs.toFixed(0)} ms`);
  assert.ok(slowestMs < 2_000);
});
