// Tests of join tokens and of the messages between agents and the gateway.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeJoinToken,
  encodeJoinToken,
  helloText,
  parseWith,
  type TermsWire,
  ToAgent,
  ToPool,
} from "./index.ts";

const SECRET = "0123456789abcdef0123";

test("a join token is one word that carries address and secret", () => {
  const token = { url: "https://pool.example:8420", secret: SECRET };
  const word = encodeJoinToken(token);
  assert.match(word, /^tqj1\.[A-Za-z0-9_-]+$/);
  assert.deepEqual(decodeJoinToken(word), { ok: true, value: token });
});

test("any secret and any host name survive the way through a token", () => {
  const secret = fc
    .string({ minLength: 16, maxLength: 60, unit: "grapheme" })
    .filter((text) => text.length <= 128);
  const host = fc.constantFrom("pool.example", "münchen.example", "例え.example", "[::1]");
  fc.assert(
    fc.property(secret, host, (word, name) => {
      const token = { url: `http://${name}:8420`, secret: word };
      assert.deepEqual(decodeJoinToken(encodeJoinToken(token)), { ok: true, value: token });
    }),
  );
});

test("a token that was cut or mistyped is refused with a hint, and never throws", () => {
  const word = encodeJoinToken({ url: "http://pool:8420", secret: SECRET });
  const wrong = ["", "hello", "tqj1.", "tqj1.!!!", word.slice(0, -5), word.slice(5), `${word}x%`];
  wrong.push(`tqj1.${btoa("17")}`, `tqj1.${btoa('{"url":"x","secret":"y"}')}`);
  for (const text of wrong) {
    const decoded = decodeJoinToken(text);
    assert.ok(!decoded.ok && decoded.code === "UNAUTHENTICATED", text);
    assert.match(decoded.hint, /Copy the whole token/);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(decodeJoinToken(`tqj1.${text}`).ok, false);
    }),
  );
});

const lease = { leaseId: "L1", jobId: "17_3", attempt: 1, fence: 9 };
const placement = { node: "n", acceleratorIds: ["gpu0"], milliCpu: 500, memoryMiB: 512 };
const start = {
  ...{ walltimeMs: 60_000, project: "lab", user: "ana", jobName: "a", taskToken: "t" },
  tasks: [{ group: "main", command: ["a"], env: { A: "1" }, placement }],
};

const terms: TermsWire = {
  ...{ devices: [{ node: "n*", count: 2 }], projects: ["lab"], walltimeMs: null },
  ...{ recallGraceMs: 10_000, recalled: false, recalledDevices: ["n/gpu0"] },
  hours: {
    ...{ zone: "UTC", windows: ["Mon"], spans: [{ from: 0, to: 1_440 }] },
    offsets: [{ fromMs: 0, minutes: -60 }],
  },
  maintenance: [{ fromMs: 1, toMs: 2, reason: "disks" }],
};

const TO_AGENT: readonly ToAgent[] = [
  { type: "terms", nowMs: 5, terms },
  { type: "challenge", nonce: "n", poolId: "p" },
  { type: "welcome", siteId: "s", member: "ana", heartbeatMs: 3_000, siteToken: "t" },
  { type: "heartbeatAck", clockMs: 12.5, leaseForMs: 45_000 },
  { type: "leases", complete: true, orders: [{ ...lease, want: "run", start }] },
  {
    type: "leases",
    complete: false,
    orders: [{ ...lease, want: "stop", stop: { reason: "cancelled", graceMs: 10 } }],
  },
  { type: "keyTaken", publicKey: "MCowBQYDK2VwAyEA" },
  { type: "ack", reportIds: ["1"] },
  { type: "logAck", leaseId: "L1", task: 0, nextOffset: 10 },
  { type: "refused", code: "SITE_UNKNOWN", message: "no" },
];

const ended = { kind: "ended", exitCode: null, signal: "KILL", ranMs: 5, message: "" } as const;
const TO_POOL: readonly ToPool[] = [
  { type: "hello", protocol: 1, siteId: "s", signature: "x", agentVersion: "1" },
  { type: "inventory", nodes: [] },
  {
    type: "calibration",
    calibration: {
      ...{ gemmGflops: 10.5, memoryGBPerS: 8 },
      link: { rttMs: 0.2, upMbitPerS: 900, downMbitPerS: 900 },
    },
  },
  { type: "newKey", publicKey: "MCowBQYDK2VwAyEA", signature: "AAAA" },
  { type: "heartbeat", clockMs: 12.5 },
  {
    type: "reports",
    reports: [
      { reportId: "1", leaseId: "L1", fence: 9, event: { kind: "running" } },
      { reportId: "2", leaseId: "L1", fence: 9, event: { ...ended, endedBy: "deadline" } },
      {
        reportId: "3",
        leaseId: "L1",
        fence: 9,
        event: { kind: "refused", code: "C", message: "m" },
      },
    ],
  },
  { type: "log", leaseId: "L1", task: 0, offset: 0, data: "aGk=", ended: false, droppedBytes: 0 },
];

test("every message of the gateway goes through JSON and back unchanged", () => {
  const through = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
  for (const message of TO_AGENT) {
    assert.deepEqual(parseWith(ToAgent, through(message)), { ok: true, value: message });
  }
  for (const message of TO_POOL) {
    assert.deepEqual(parseWith(ToPool, through(message)), { ok: true, value: message });
  }
  const kinds = (messages: readonly { readonly type: string }[]): number =>
    new Set(messages.map(({ type }) => type)).size;
  assert.equal(kinds(TO_AGENT), ToAgent.options.length, "each kind is tried");
  assert.equal(kinds(TO_POOL), ToPool.options.length, "each kind is tried");
});

test("a message with a field too many, too few, or of the wrong kind is refused", () => {
  for (const message of TO_POOL) {
    assert.ok(!parseWith(ToPool, { ...message, more: 1 }).ok, message.type);
    const [first] = Object.keys(message).filter((key) => key !== "type");
    assert.ok(!parseWith(ToPool, { ...message, [first!]: undefined }).ok, message.type);
  }
  assert.ok(!parseWith(ToPool, { type: "other" }).ok);
  assert.ok(!parseWith(ToPool, null).ok);
  const negative = { reportId: "1", leaseId: "L1", fence: -1, event: { kind: "running" } };
  assert.ok(!parseWith(ToPool, { type: "reports", reports: [negative] }).ok);
  const stops = { ...lease, want: "maybe" };
  assert.ok(!parseWith(ToAgent, { type: "leases", complete: true, orders: [stops] }).ok);
});

test("what an agent signs names pool, site and nonce, so it is good for this one greeting", () => {
  const texts = [helloText("p", "s", "n"), helloText("p2", "s", "n"), helloText("p", "s", "n2")];
  assert.equal(new Set(texts).size, 3);
  assert.equal(texts[0], "tequio-gateway-1\np\ns\nn");
});
