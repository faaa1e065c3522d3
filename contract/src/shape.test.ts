// The agent's light check takes exactly what the schemas take: right messages, and all that comes
// of changing one place of them at random.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsersOf } from "./agent.ts";
import { agentShapes } from "./agent-shapes.ts";
import { ToAgent } from "./gateway.ts";
import { CalibrationWire } from "./pool.ts";
import { checkOf } from "./shape.ts";
import { TermsWire } from "./terms.ts";

const TERMS = {
  devices: [{ node: "n1", kind: "gpu", model: "H100", count: 2 }, {}],
  hours: {
    ...{ zone: "UTC", windows: ["mon 8-9"], spans: [{ from: 1, to: 2 }] },
    offsets: [{ fromMs: -1.5, minutes: -60 }],
  },
  ...{ projects: ["a"], walltimeMs: null, recallGraceMs: 5, recalled: false },
  ...{ recalledDevices: [], maintenance: [{ fromMs: 0, toMs: 1, reason: "x" }] },
};
const PLACEMENT = {
  ...{ node: "n", acceleratorIds: ["g0"], partMilli: 500, milliCpu: 1, memoryMiB: 2 },
};
const START = {
  ...{ walltimeMs: 1, project: "p", user: "u", jobName: "j", taskToken: "t" },
  tasks: [{ group: "g", command: ["true"], env: { A: "b" }, placement: PLACEMENT }],
};
const ORDER = { leaseId: "L", jobId: "1", attempt: 1, fence: 1, want: "run", start: START };
const STOP = { ...ORDER, want: "stop", start: undefined, stop: { reason: "r", graceMs: 0 } };
const MESSAGES: readonly unknown[] = [
  { type: "challenge", nonce: "n", poolId: "p" },
  { type: "welcome", siteId: "s", member: "m", heartbeatMs: 5, siteToken: "t" },
  { type: "heartbeatAck", clockMs: 1.5, leaseForMs: 3 },
  { type: "leases", complete: true, orders: [ORDER, STOP] },
  { type: "terms", nowMs: 1, terms: TERMS },
  { type: "terms", nowMs: 1, terms: { ...TERMS, shareAccelerators: true } },
  { type: "terms", nowMs: 1, terms: { ...TERMS, bandwidth: [{ upMbitPerS: 0.5, hours: null }] } },
  { type: "keyTaken", publicKey: "k" },
  { type: "ack", reportIds: ["a"] },
  { type: "logAck", leaseId: "L", task: 0, nextOffset: 1 },
  { type: "refused", code: "X", message: "m" },
];
const CALIBRATION = {
  ...{ gemmGflops: 1.5, memoryGBPerS: 2 },
  link: { rttMs: 0, upMbitPerS: 1, downMbitPerS: 1 },
};

const parsers = parsersOf(agentShapes());
const PAIRS = [
  { schema: ToAgent, parser: parsers.toAgent, samples: MESSAGES },
  { schema: TermsWire, parser: parsers.terms, samples: [TERMS, { ...TERMS, hours: null }] },
  { schema: CalibrationWire, parser: parsers.calibration, samples: [CALIBRATION] },
] as const;

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("every right message is taken, as it is", () => {
  for (const { schema, parser, samples } of PAIRS) {
    for (const sample of samples.map(asJson)) {
      assert.deepEqual(parser(sample), schema.parse(sample));
    }
  }
});

/** What may stand in the place of something right. */
const odd = fc.oneof(
  fc.constantFrom(null, true, -1, 0, 0.5, 2 ** 53, "", "run", "gpu", [], [1], {}, { a: 1 }),
  // `undefined` takes the field away.
  fc.constant(undefined),
  fc.jsonValue(),
);

/** Puts `by` in the place that `picks` lead to, or adds it under a name that is not known. */
function changed(value: unknown, picks: readonly number[], by: unknown): unknown {
  const [pick, ...rest] = picks;
  if (pick === undefined || typeof value !== "object" || value === null) return by;
  if (Array.isArray(value)) {
    if (value.length === 0) return [by];
    return value.map((one, i) => (i === pick % value.length ? changed(one, rest, by) : one));
  }
  const names = [...Object.keys(value), "unknown"];
  const name = names[pick % names.length]!;
  return { ...value, [name]: changed((value as Record<string, unknown>)[name], rest, by) };
}

test("what is wrong anywhere is refused exactly where the schema refuses it", () => {
  for (const { schema, parser, samples } of PAIRS) {
    let refused = 0;
    const picks = fc.array(fc.nat(20), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...samples), picks, odd, (sample, where, by) => {
        const value = asJson({ value: changed(sample, where, by) }) as { value?: unknown };
        const { success } = schema.safeParse(value.value);
        if (!success) refused += 1;
        assert.equal(parser(value.value) !== undefined, success, JSON.stringify(value));
      }),
      { numRuns: 1_500 },
    );
    assert.ok(refused > 100, "the changes hardly ever break anything");
  }
});

test("numbers that JSON reads as infinite or inexact are refused", () => {
  const ack = (clockMs: string, leaseForMs: string): unknown =>
    JSON.parse(`{"type":"heartbeatAck","clockMs":${clockMs},"leaseForMs":${leaseForMs}}`);
  for (const value of [ack("1e999", "1"), ack("1", "1e999"), ack("1", "9007199254740993")]) {
    assert.equal(parsers.toAgent(value), undefined);
    assert.equal(ToAgent.safeParse(value).success, false);
  }
});

test("a shape with a word that is not known makes no check at all", () => {
  assert.throws(() => checkOf({ type: "string", format: "uuid" }), /format/);
  const check = checkOf({ type: "string", pattern: "^a$" });
  assert.deepEqual(["a", "aa", 1].map(check), [true, false, false]);
});
