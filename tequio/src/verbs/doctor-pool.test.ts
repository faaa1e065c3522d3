// Proves what doctor makes of a running pool: its store, its sites, its certificate's end.
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { type TestContext, test } from "node:test";
import type { MemberView } from "@tequio/contract";
import { certificateCheck, runningChecks, samplesOf, siteChecks } from "./doctor-pool.ts";

const member = (name: string, site: object): MemberView =>
  ({ name, sites: [{ member: name, state: "here", agentVersion: "1.0.0", ...site }] }) as never;

const byName = (checks: readonly { name: string }[], name: string) =>
  checks.find((check) => check.name === name) as Awaited<ReturnType<typeof runningChecks>>[number];

async function fakePool(t: TestContext, answers: Record<string, [number, string]>) {
  const server: Server = createServer((request, reply) => {
    const [status, body] = answers[request.url ?? ""] ?? [404, "{}"];
    reply.writeHead(status, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}

test("sites that are away and agents of another version are named", () => {
  const checks = siteChecks(
    [member("a", {}), member("b", { state: "away" }), member("c", { agentVersion: "0.9.0" })],
    "1.0.0",
  );
  assert.deepEqual(
    checks.map(({ state, found }) => [state, found]),
    [
      ["warn", "2 of 3 are here; away: b"],
      ["warn", "another version than the pool's 1.0.0: c (0.9.0)"],
    ],
  );
  assert.deepEqual(
    siteChecks([member("a", {})], "1.0.0").map(({ state }) => state),
    ["ok", "ok"],
  );
  assert.equal(siteChecks([], "1.0.0")[0]?.found, "none has joined");
});

test("a certificate warns three weeks before its end and fails after it", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  const after = (days: number) => certificateCheck(now + days * 86_400_000, now);
  assert.deepEqual(
    [after(90).state, after(20).state, after(-1).state, certificateCheck(undefined, now).state],
    ["ok", "warn", "fail", "warn"],
  );
  assert.equal(after(90).found, "good for 90 days, until 2030-04-01");
});

test("a pool that is not ready fails with its reasons; figures come from metrics", async (t) => {
  const trouble = { name: "journal", ok: false, why: "STORE_FULL: the disk is full." };
  const address = await fakePool(t, {
    "/readyz": [503, JSON.stringify({ ready: false, checks: [trouble] })],
    "/metrics": [
      200,
      "tequio_journal_sequence 1234\ntequio_journal_append_seconds_sum 1\n" +
        "tequio_journal_append_seconds_count 10\ntequio_snapshot_age_seconds 120\n" +
        "tequio_store_free_bytes 1073741824\n",
    ],
  });
  const checks = await runningChecks({ ...address, from: "flags" }, "1.0.0");
  assert.deepEqual(
    [byName(checks, "Ready").state, byName(checks, "Ready").found],
    ["fail", "journal: STORE_FULL: the disk is full."],
  );
  assert.equal(byName(checks, "Journal").state, "warn");
  assert.match(byName(checks, "Journal").found, /^1,234 events, 100\.0 ms/);
  assert.deepEqual(
    [byName(checks, "Pool's disk").state, byName(checks, "Pool's disk").found],
    ["warn", "1.0 GiB free"],
  );
});

test("who may not read metrics is shown readiness alone", async (t) => {
  const address = await fakePool(t, {
    "/readyz": [200, JSON.stringify({ ready: true, checks: [] })],
    "/metrics": [403, "{}"],
  });
  const checks = await runningChecks({ ...address, from: "flags" }, "1.0.0");
  assert.deepEqual(
    checks.map(({ name, state }) => [name, state]),
    [["Ready", "ok"]],
  );
});

test("samples with labels are left out", () => {
  const samples = samplesOf('# HELP a b\na 1\nb{c="d"} 2\nc_total 3e2\n');
  assert.deepEqual(
    [...samples],
    [
      ["a", 1],
      ["c_total", 300],
    ],
  );
});
