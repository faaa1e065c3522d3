// Proves the time limit of bodies with a short one; slow.real.ts does so with the real ones.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import Fastify from "fastify";
import { registerTimeouts } from "./timeouts.ts";

const BODY_MS = 150;

async function start(t: TestContext): Promise<number> {
  const app = Fastify();
  registerTimeouts(app, BODY_MS);
  app.post("/json", async (request, reply) => {
    await new Promise((done) => setTimeout(done, 2 * BODY_MS));
    return reply.send(request.body);
  });
  t.after(() => app.close());
  return Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
}

/** Sends the pieces `gapMs` apart; resolves with the answer when the server ends. */
function send(t: TestContext, port: number, pieces: readonly string[], gapMs: number) {
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  let answer = "";
  for (const [i, piece] of pieces.entries()) {
    const timer = setTimeout(() => socket.writable && socket.write(piece), i * gapMs);
    t.after(() => clearTimeout(timer));
  }
  socket.on("data", (data: Buffer) => {
    answer += data.toString();
  });
  return new Promise<string>((resolve) => {
    socket.on("error", () => {}).on("close", () => resolve(answer));
  });
}

const head = (bytes: number): string =>
  "POST /json HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n" +
  `content-length: ${bytes}\r\n\r\n`;

test("a body that drips is cut off with its code", async (t) => {
  const port = await start(t);
  const drips = Array.from({ length: 40 }, () => " ");
  const answer = await send(t, port, [head(1_000), "{", ...drips], 20);
  assert.match(answer, /^HTTP\/1\.1 408 TOO_SLOW/);
  assert.match(answer, /"code":"TOO_SLOW"/);
});

test("a body in time is answered, however long the answer takes", async (t) => {
  const port = await start(t);
  const answer = await send(t, port, [head(7), '{"a":', "1}"], 10);
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /\{"a":1\}/);
});
