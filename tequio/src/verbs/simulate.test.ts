// Tests of `tequio simulate`: real worlds in real threads, and threads that break on purpose.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT, GROUPS, runProgram, type Terminal } from "@tequio/cli";
import { type FaultReport, simulateFaults } from "@tequio/core/simulator";
import { runSeeds, seeds, summaryText, Tally } from "./simulate.ts";

const SIMULATE = {
  name: "simulate",
  summary: "worlds that do not exist",
  group: GROUPS.START,
  load: () => import("./simulate.ts"),
};

async function tequio(...args: readonly string[]) {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env: {},
    cwd: "/nonexistent",
    home: "/nonexistent",
    columns: 100,
    isTty: false,
    colour: false,
    nowMs: () => 0,
    readStdin: async () => "",
    onInterrupt: () => () => {},
  };
  const code = await runProgram({ verbs: [SIMULATE], version: "1.2.3", terminal, args });
  return { code, out, err };
}

const report = (seed: number, change: Partial<FaultReport> = {}): FaultReport => ({
  ...{ seed, ok: true, worlds: 1, jobs: 10, completed: 8, runs: 1, rounds: 4, leases: 12 },
  ...{ lost: 2, corrected: 1, crashes: 3, events: 100, virtualMs: 1_800_000 },
  ...change,
});

test("seeds that break no rule end with 0, and the summary adds their worlds up", async () => {
  const { code, out, err } = await tequio("simulate", "--faults", "--seeds", "1..3", "--json");
  assert.equal(code, EXIT.OK, err);
  const summary = JSON.parse(out);
  const expected = [1, 2, 3].map((seed) => simulateFaults(seed));
  assert.deepEqual(summary.seeds, { from: 1, to: 3 });
  assert.equal(summary.ok, true);
  assert.equal(summary.done, 3);
  for (const key of ["worlds", "jobs", "leases", "lost", "crashes", "events"] as const) {
    const sum = expected.reduce((all, one) => all + one[key], 0);
    assert.equal(summary[key], sum, key);
  }
  assert.deepEqual(summary.failures, []);
});

test("a range that is none is refused with the code USAGE and a hint", async () => {
  for (const range of [
    "9..1",
    "x",
    "1..",
    "1..2..3",
    "-1..4",
    "1.5",
    "1..3000000",
    "0..99999999999",
  ]) {
    const { code, out, err } = await tequio("simulate", "--faults", `--seeds=${range}`);
    assert.equal(code, EXIT.USAGE, range);
    assert.equal(out, "");
    assert.match(err, /^error USAGE: .*--seeds/, range);
    assert.match(err, /\nhint: \S/, range);
  }
  for (const jobs of ["0", "1.5", "many", "1000"]) {
    const { code, err } = await tequio("simulate", "--faults", "--jobs", jobs);
    assert.equal(code, EXIT.USAGE, jobs);
    assert.match(err, /whole number from 1 to 256/);
  }
});

test("without a flag nothing is simulated, and the hint says what to add", async () => {
  const { code, err } = await tequio("simulate");
  assert.equal(code, EXIT.USAGE);
  assert.match(err, /tequio simulate --generate.*--faults/);
});

test("one number is a range of one seed", () => {
  assert.deepEqual(seeds("7"), { from: 7, to: 7 });
  assert.deepEqual(seeds(" 0..200 "), { from: 0, to: 200 });
});

test("a broken seed gives its rule and the one line that repeats it", () => {
  const tally = new Tally({ from: 1, to: 3 });
  tally.add(report(3, { ok: false, broken: "Invariant broken: job 4 runs once at a time" }));
  tally.add(report(1));
  tally.add(report(2, { ok: false, broken: "Invariant broken: the queue is empty at the end" }));
  const summary = tally.summary(1.26);
  assert.equal(summary.ok, false);
  assert.deepEqual(
    summary.failures.map(({ seed }) => seed),
    [2, 3],
  );
  assert.equal(summary.virtualHours, 1.5);
  assert.equal(summary.seconds, 1.3);
  const lines = summaryText(summary).split("\n");
  assert.ok(lines.includes("2 of 3 seeds broke a rule:"));
  assert.ok(lines.includes("  Invariant broken: job 4 runs once at a time"));
  assert.ok(lines.includes("  npx tequio simulate --faults --seeds 3..3"));
  assert.ok(!lines.some((line) => line.includes("1..1")));
});

const thread = (body: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", (seed) => { ${body} });`,
    )}`,
  );

test("every seed of a range is lived once, whatever the number of threads", async () => {
  const worker = thread("parentPort.postMessage({ seed, ok: true })");
  for (const threads of [1, 3]) {
    const seen: number[] = [];
    const { signal } = new AbortController();
    const onReport = ({ seed }: FaultReport) => void seen.push(seed);
    await runSeeds({ from: 5, to: 24 }, { threads, signal, onReport, worker });
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 5),
    );
  }
});

test("a thread that dies is an error, not an end without a word", async () => {
  const { signal } = new AbortController();
  const options = { threads: 1, signal, onReport: () => {} };
  const range = { from: 1, to: 2 };
  await assert.rejects(runSeeds(range, { ...options, worker: thread("process.exit(3)") }), /3/);
  const thrown = thread("throw new Error('a bug')");
  await assert.rejects(runSeeds(range, { ...options, worker: thrown }), /a bug/);
});

test("an interrupt ends the threads early and keeps what was done", async () => {
  const stop = new AbortController();
  const seen: number[] = [];
  const worker = thread("parentPort.postMessage({ seed, ok: true })");
  await runSeeds(
    { from: 1, to: 1_000_000 },
    {
      threads: 2,
      signal: stop.signal,
      onReport: ({ seed }) => {
        seen.push(seed);
        if (seen.length === 5) stop.abort();
      },
      worker,
    },
  );
  assert.ok(seen.length >= 5 && seen.length < 20, `${seen.length} seeds`);
});
