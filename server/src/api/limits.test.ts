// Proves the limits of requests with real sockets: rates per token and address, slow clients,
// request ids, and readiness that says why not.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer, until } from "../testing/setup.ts";

const start = async (t: TestContext, options = {}) =>
  startServer(t, good(await openMemoryStore()), options);

test("an address without a token is slowed with 429, its code and when to come back", async (t) => {
  const { http, client } = await start(t);
  let limited: Response | undefined;
  for (let i = 0; i < 15 * LIMITS.WRONG_TOKEN_COST && limited === undefined; i += 1) {
    const batch = Array.from({ length: 20 }, () => http("/v1/jobs", { token: "tq_guess" }));
    limited = (await Promise.all(batch)).find(({ status }) => status === 429);
  }
  assert.ok(limited !== undefined, "guessing was slowed");
  const problem = (await limited.json()) as { code: string; message: string };
  assert.equal(problem.code, "TOO_MANY");
  assert.match(problem.message, /address/);
  assert.ok(Number(limited.headers.get("retry-after")) >= 1);
  // Whoever has a good token is not slowed by others behind the same address.
  assert.ok((await client.call("getPool", {})).ok);
});

test("a proxy on this machine says for whom it asks; each of them has a rate", async (t) => {
  const { http } = await start(t);
  const from = (ip: string) =>
    http("/v1/jobs", { token: "tq_guess", headers: { "x-forwarded-for": ip } });
  const batch = Array.from(
    { length: LIMITS.ADDRESS_REQUESTS_BURST / LIMITS.WRONG_TOKEN_COST + 50 },
    () => from("203.0.113.7"),
  );
  const answers = await Promise.all(batch);
  assert.ok(answers.some(({ status }) => status === 429));
  assert.equal((await from("203.0.113.8")).status, 401);
});

/** Sends text on a bare connection; resolves with everything that came back before its end. */
function bare(t: TestContext, port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write(text);
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString();
  });
  return new Promise((resolve) => {
    socket.on("error", () => resolve(answer)).on("close", () => resolve(answer));
  });
}

test("headers that are too large are refused with a code", async (t) => {
  const { server } = await start(t);
  const large = `x-pad: ${"a".repeat(LIMITS.HEADER_BYTES_MAX)}`;
  const answer = await bare(t, server.port, `GET / HTTP/1.1\r\nhost: a\r\n${large}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /"code":"TOO_LARGE"/);
  assert.match(await bare(t, server.port, "nonsense\r\n\r\n"), /"code":"INVALID_REQUEST"/);
});

test("a request id that is fit comes back, in problems too; another one is replaced", async (t) => {
  const { http } = await start(t);
  const ask = (id: string) => http("/v1/jobs/9", { headers: { "x-request-id": id } });
  const fit = await ask("trace-1.a_B");
  assert.equal(fit.headers.get("x-request-id"), "trace-1.a_B");
  assert.equal(((await fit.json()) as { requestId: string }).requestId, "trace-1.a_B");
  for (const id of ["a b", "x".repeat(65), '{"level":"error"}', "-a"]) {
    const given = (await ask(id)).headers.get("x-request-id") ?? "";
    assert.match(given, /^[0-9a-f]{12}$/);
  }
});

test("readiness says why not: a disk without room", async (t) => {
  let free = LIMITS.DISK_RESERVE_BYTES * 2;
  const { http } = await start(t, { freeBytes: async () => free });
  assert.equal((await http("/readyz", { token: null })).status, 200);
  free = 5;
  const reply = await http("/readyz", { token: null });
  assert.equal(reply.status, 503);
  const body = (await reply.json()) as { ready: boolean; checks: { name: string; ok: boolean }[] };
  assert.equal(body.ready, false);
  assert.deepEqual(
    body.checks.filter(({ ok }) => !ok).map(({ name }) => name),
    ["disk"],
  );
});

test("what is said of requests names route, caller and job, and no secret", async (t) => {
  const server = await start(t, { logRequests: true, metricsToken: "tq_metrics-secret" });
  const made = good(await server.client.call("createToken", { body: { label: "x" } }));
  const secrets = [server.token, made.token, "tq_wrong-secret", "tq_metrics-secret"];
  for (const token of secrets) {
    await server.http("/v1/jobs/7?token=tq_in-the-address", { token });
    await server.http("/metrics", { token });
    await server.http(`/?token=${token}`, { token: null });
  }
  const lines = await until("the lines", () => server.said.length >= 12 && server.said);
  const text = lines.join("\n");
  for (const secret of [...secrets, "tq_in-the-address"]) assert.ok(!text.includes(secret), text);
  assert.match(text, /"route":"\/v1\/jobs\/:id","status":404.*"user":"[^"]+".*"job":"7"/);
  assert.match(text, new RegExp(`"tokenId":"${made.tokenId}"`));
});
