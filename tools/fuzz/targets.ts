// Every parser that meets data from outside, with examples to start from. A target throws only for
// a bug: refusals are values, and what a parser documents to throw is taken here. It leaves the
// making of inputs to mutate.ts; files and databases are in disk-targets.ts.
import {
  decodeJoinToken,
  ENDPOINTS,
  type Endpoint,
  encodeJoinToken,
  JobWire,
  parseArray,
  parseDurationMs,
  parseSizeMiB,
  parseWith,
  parseYaml,
  ToAgent,
  ToPool,
  toJobSpec,
} from "@tequio/contract";
import { decodeState, emptyState, encodeState } from "@tequio/core/controller";
import { hoursAt, parseHours, WEEK_MINUTES } from "@tequio/core/pool";
import { CODECS, decode, encode, readHeader } from "@tequio/core/training";
import { parsePs, parsePsTime, parseStat } from "@tequio/engines/local";
import { makeSigner, parseGroupRole } from "@tequio/server";
import { decodeMoments, encodeMoments } from "@tequio/trainer";
import { openDiskTargets } from "./disk-targets.ts";
import {
  mutateBytes,
  mutateText,
  mutateValue,
  type Next,
  pick,
  randomBytes,
  randomText,
  randomValue,
} from "./mutate.ts";
import type { Target } from "./run.ts";
import { traceTarget } from "./trace-targets.ts";

/** A twentieth of all inputs is random from the ground up: most of them die at the first letter. */
const RANDOM_SHARE = 0.05;

const text = (next: Next, seeds: readonly string[]): string =>
  next() < RANDOM_SHARE ? randomText(next) : mutateText(next, pick(next, seeds));

const bytes = (next: Next, seeds: readonly Uint8Array[]): Uint8Array =>
  next() < RANDOM_SHARE ? randomBytes(next, 200) : mutateBytes(next, pick(next, seeds));

const value = (next: Next, seeds: readonly unknown[]): unknown =>
  next() < RANDOM_SHARE ? randomValue(next) : mutateValue(next, pick(next, seeds));

function expect(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(`Broken: ${rule}`);
}

/** Job files that are right. */
export const JOBS: readonly string[] = [
  "shell: echo hello\nresources: {cpus: 2, memory: 4GB, accelerators: H100:8}\ntime: 1-12:30:00\n",
  "name: a\ncommand: [python, train.py, --lr, '3e-4']\ntasks: 4\narray: 0-15:4%2\nenv: {A: b}\n",
  "name: r\nrun:\n  corpus: sotu\n  model: {vocab: 256, context: 64, width: 64, layers: 2, " +
    "heads: 4}\n  referenceBatch: 8\n  learningRate: 0.001\n  innerSteps: 30\n" +
    "  stop: {minutes: 2.5}\nmembers: [lab, base]\nafter: [afterok:17, afterany:18_3]\n",
  '{"shell": "true", "priority": 500, "preemptible": true, "labels": {"zone": "a"}}',
  "shell: echo $Q\nenv: {Q: &a w, R: *a}\nafter: []\n",
];

/** What a parser makes of text must be something that the next door takes, or a refusal. */
function feedJob(parsed: ReturnType<typeof parseYaml<typeof JobWire>>): void {
  if (parsed.ok) toJobSpec(parsed.value, "ann");
  else expect(parsed.message !== "" && parsed.hint !== "", "a refusal has a message and a hint");
}

const MESSAGES: readonly unknown[] = [
  { type: "challenge", nonce: "abc", poolId: "p" },
  { type: "welcome", siteId: "s", member: "m", heartbeatMs: 5_000, siteToken: "t" },
  { type: "heartbeatAck", clockMs: 1.5, leaseForMs: 45_000 },
  {
    type: "leases",
    complete: true,
    orders: [
      { leaseId: "1", jobId: "1", attempt: 1, fence: 1, want: "stop" },
      {
        ...{ leaseId: "2", jobId: "3_1", attempt: 2, fence: 9, want: "run" },
        start: {
          ...{ walltimeMs: 1, project: "p", user: "u", jobName: "n", taskToken: "t" },
          tasks: [
            {
              ...{ group: "g", command: ["true"], env: { A: "b" } },
              placement: { node: "n", acceleratorIds: ["cpu0"], milliCpu: 1, memoryMiB: 1 },
            },
          ],
        },
      },
    ],
  },
  {
    ...{ type: "terms", nowMs: 1 },
    terms: {
      ...{ devices: [{ node: "n*", count: 2 }], hours: null, projects: ["p"], walltimeMs: 5 },
      ...{ recallGraceMs: 0, recalled: false, recalledDevices: ["n/gpu0"] },
      maintenance: [{ fromMs: 1, toMs: 2, reason: "" }],
    },
  },
  { type: "hello", protocol: 1, siteId: "s", signature: "AAAA", agentVersion: "0.1.0" },
  { type: "heartbeat", clockMs: 12.25 },
  {
    type: "reports",
    reports: [
      {
        ...{ reportId: "r", leaseId: "l", fence: 1 },
        event: {
          ...{ kind: "ended", exitCode: null, signal: "SIGKILL", ranMs: 5, endedBy: "stop" },
          message: "",
        },
      },
    ],
  },
  { type: "log", leaseId: "l", task: 0, offset: 0, data: "aGk=", ended: false, droppedBytes: 0 },
];

function feedMessage(next: Next): void {
  const message = JSON.stringify(value(next, MESSAGES)) ?? "";
  const line = next() < 0.3 ? mutateText(next, message) : message;
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch {
    return; // Both ends refuse what is not JSON before the contract sees it.
  }
  ToPool.safeParse(data);
  ToAgent.safeParse(data);
}

const BODIES: readonly unknown[] = [
  ...[{ name: "lab" }, { joinToken: "tqj1.abc", publicKey: "MCowBQYDK2VwAyEA", engine: "local" }],
  { offer: { hours: { windows: ["Sat"] }, devices: [{ count: 1 }], tenants: { allow: ["p"] } } },
  ...[
    { member: "m", fromMs: 1, toMs: 2 },
    { action: "recall", devices: ["n/gpu0"] },
  ],
  ...[{ action: "pause" }, { action: "drain" }, { name: "p", shares: 2 }],
  { shell: "true", resources: { cpus: 0.5, memory: "1G" }, after: ["afterok:1"] },
  { id: "17_3", digest: `sha256:${"0".repeat(64)}`, cursor: "x", limit: "10", waitMs: "1000" },
  ...[{ round: 3, siteId: "s", tokens: 100, digest: `sha256:${"a".repeat(64)}`, loss: 1.5 }],
];

function feedApi(endpoints: readonly Endpoint[]): (next: Next) => void {
  const schemas = endpoints.flatMap(({ params, query, body }) =>
    [params, query, body].filter((schema) => schema !== undefined),
  );
  return (next) => {
    const parsed = parseWith(pick(next, schemas), value(next, BODIES));
    expect(parsed.ok || parsed.message !== "", "a refusal has a message");
  };
}

function feedWord(next: Next): void {
  const word = text(next, ["1-12:30:15", "90s", "1.5TiB", "512M", "0,6,16-32:4%4", "0-999999:9"]);
  const ms = parseDurationMs(word);
  expect(ms === undefined || ms >= 0, "a duration is never negative");
  const mib = parseSizeMiB(word);
  expect(mib === undefined || mib >= 0, "a size is never negative");
  const array = parseArray(word);
  expect(array === undefined || array.indices.length > 0, "an array is never empty");
  parseGroupRole(text(next, ["staff=operator", "team/a=project-lead:climate"]));
}

/** Hours of an offer: what is read is a week, and never later than when it is asked. */
function feedHours(next: Next): void {
  const windows = [text(next, HOURS), text(next, HOURS)];
  const spans = parseHours(windows);
  if (!spans.ok) return;
  for (const { from, to } of spans.value) {
    expect(0 <= from && from < to && to <= WEEK_MINUTES, "a stretch lies within the week");
  }
  const atMs = Math.floor(next() * 4e12);
  const offsets = [{ fromMs: 0, minutes: 60 }];
  const { untilMs } = hoursAt({ zone: "UTC", windows, spans: spans.value, offsets }, atMs);
  expect(untilMs === null || untilMs > atMs, "the next change lies ahead");
}

const HOURS: readonly string[] = [
  "Mon-Fri 18:00-08:00",
  "Sat,Sun",
  "daily 0:00-24:00",
  "fri 9:05-9:06",
];

const TOKENS: readonly string[] = [
  encodeJoinToken({ url: "http://127.0.0.1:8420", secret: "0123456789abcdef0123" }),
  encodeJoinToken({ url: "https://pool.example:443/a", secret: "f".repeat(128) }),
];

function feedCoded(next: Next, coded: readonly Uint8Array[]): void {
  const input = bytes(next, coded);
  const header = readHeader(input);
  const decoded = decode(input);
  expect(!decoded.ok || header.ok, "what has no header cannot be decoded");
  if (decoded.ok) expect(decoded.value.every(Number.isFinite), "what is decoded is finite");
}

const VALUES = 600;
const codedSeeds = (): readonly Uint8Array[] => {
  const vector = Float32Array.from({ length: VALUES }, (_, i) => Math.sin(i) / (1 + i));
  return CODECS.filter((codec) => codec !== undefined).map((codec) => encode(codec, vector));
};

/** Snapshots are read only when their digest is right, so here JSON may be refused by throwing,
 * but never hang, and whatever is a state must give a text again. */
function feedState(next: Next, seeds: readonly string[]): void {
  const input = text(next, seeds);
  try {
    encodeState(decodeState(input));
  } catch (error) {
    const known = error instanceof SyntaxError || error instanceof TypeError;
    if (!known) throw error;
  }
}

const STAT = "123 (a (b) c) S 1 123 123 0 -1 4194560 100 200 0 0 5 6 7 8 20 0 1 0 99 1 2\n";
const PS = "  123     1   123 S     00:00.05 Sun Nov 22 16:00:00 2026\n";

function feedSystem(next: Next): void {
  parseStat(text(next, [STAT]));
  parsePs(text(next, [PS]));
  parsePsTime(text(next, ["1-02:03:04.5"]));
}

/** All targets, those on disk included. */
export async function openTargets(): Promise<readonly Target[]> {
  const signer = makeSigner(new Uint8Array(32), "pool");
  const signed = [signer.taskToken("17", 4), signer.siteToken("s1", 1_000)];
  const right = new Set(signed);
  const coded = codedSeeds();
  const three = Float32Array.of(1, 2, 3);
  const moments = [encodeMoments({ m: three, v: three, t: 7 })];
  const states = [encodeState(emptyState()), '{"queue":{"$map":[["a",{"$map":[]}]]},"seq":1}'];
  const cheap = (name: string, feed: (next: Next) => void, cost = 1): Target => ({
    ...{ name, cost, feed },
  });
  return [
    cheap("job-yaml", (next) => feedJob(parseYaml(JobWire, text(next, JOBS))), 4),
    cheap("job-value", (next) => feedJob(parseWith(JobWire, value(next, jobValues())))),
    cheap("api", feedApi(Object.values(ENDPOINTS))),
    cheap("gateway", feedMessage),
    cheap("words", feedWord),
    cheap("hours", feedHours),
    cheap("join-token", (next) => void decodeJoinToken(text(next, TOKENS))),
    cheap("signed-token", (next) => {
      const token = text(next, signed);
      expect(signer.read(token) === undefined || right.has(token), "no changed token is read");
    }),
    cheap("codec", (next) => feedCoded(next, coded)),
    cheap("moments", (next) => void decodeMoments(bytes(next, moments))),
    cheap("state", (next) => feedState(next, states)),
    cheap("system", feedSystem),
    traceTarget,
    ...(await openDiskTargets()),
  ];
}

let parsedJobs: readonly unknown[] | undefined;

/** The examples of job files as data. */
function jobValues(): readonly unknown[] {
  parsedJobs ??= JOBS.flatMap((job) => {
    const parsed = parseYaml(JobWire, job);
    return parsed.ok ? [parsed.value] : [];
  });
  return parsedJobs;
}
