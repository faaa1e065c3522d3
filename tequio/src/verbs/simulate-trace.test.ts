// Tests of `tequio simulate` on traces: real threads, small traces of every kind made here.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { EXIT, GROUPS, runProgram, type Terminal } from "@tequio/cli";
import { openSqliteStore } from "@tequio/stores/sqlite";

const SIMULATE = {
  name: "simulate",
  summary: "plans",
  group: GROUPS.START,
  load: () => import("./simulate.ts"),
};

const folder = mkdtempSync(join(tmpdir(), "tequio-simulate-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the verb in the test's folder; `interrupt` is called back as Ctrl-C would be. */
async function simulate(args: readonly string[], interrupt?: (act: () => void) => void) {
  let [out, err] = ["", ""];
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ...{ env: {}, cwd: folder, home: "/nonexistent", columns: 100, isTty: false, colour: false },
    nowMs: () => 0,
    readStdin: async () => "",
    onInterrupt: (act) => {
      interrupt?.(act);
      return () => {};
    },
  };
  const all = ["simulate", ...args];
  const code = await runProgram({ verbs: [SIMULATE], version: "1.2.3", terminal, args: all });
  return { code, out, err };
}

const file = (name: string, text: string | Uint8Array): string => {
  writeFileSync(join(folder, name), text);
  return name;
};

const PHILLY = `timestamp,duration,num_gpus,gpu_time,cluster
2017-10-01 00:00:00,600,4,2400,ana
2017-10-01 00:00:10,900,8,7200,ana
2017-10-01 00:05:00,300,1,300,ben
2017-10-01 01:00:00,60,2,120,ben
`;

test("a packed Philly trace is played under every policy and written as one page", async () => {
  file("philly.csv.gz", gzipSync(PHILLY));
  const flags = ["--policy", "all", "--without", "ben", "--pool", "ana", "--scale", "0.5"];
  const trace = ["--trace", "philly.csv.gz", "--json", "--out", "a.html"];
  const { code, out, err } = await simulate([...trace, ...flags]);
  assert.equal(code, EXIT.OK, err);
  const { rows, sentences } = JSON.parse(out);
  assert.equal(rows.length, 5 * 4);
  assert.ok(sentences.some((one: string) => one.startsWith("easy, without ben: mean wait")));
  const page = readFileSync(join(folder, "a.html"), "utf8");
  assert.match(page, /^<!doctype html>/);
  assert.doesNotMatch(page, /https?:|<script|NaN|undefined/);
  assert.equal(page.match(/<svg /g)?.length, 4);
});

test("the same seed and input give the same bytes, another seed others", async () => {
  const run = async (seed: string, out: string) => {
    const generate = ["--generate", "jobs=60,days=1,owners=2,slots=16"];
    const { code, err } = await simulate([...generate, "--seed", seed, "--out", out, "--json"]);
    assert.equal(code, EXIT.OK, err);
    return ["report.html", "report.json"].map((name) =>
      readFileSync(join(folder, out, name), "utf8"),
    );
  };
  const first = await run("7", "one");
  assert.deepEqual(await run("7", "two"), first);
  assert.notDeepEqual((await run("8", "three"))[1], first[1]);
  assert.deepEqual(readdirSync(join(folder, "one")).sort(), ["report.html", "report.json"]);
});

test("what is wrong is refused with a code and a hint, and nothing is written", async () => {
  file("broken.csv", `${PHILLY}2017-10-01 02:00:00,-5,1,5,ben\n`);
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [["--trace", "broken.csv"], EXIT.REFUSED, /broken.csv, line 6: .*expected duration/],
    [["--generate", "--scale", "x"], EXIT.USAGE, /A factor is a number/],
    [["--generate", "--trace", "odd.txt"], EXIT.USAGE, /Give one of --trace/],
    [["--generate", "--faults"], EXIT.USAGE, /Faults need no trace/],
    [["--generate", "--limit", "soon"], EXIT.USAGE, /A time is `90s`/],
    [["--generate", "--seed", "-1"], EXIT.USAGE, /A seed is a whole number/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, out, err } = await simulate([...args, "--out", "never.html"]);
    assert.match(err, message, args.join(" "));
    assert.match(err, /\nhint: \S/, args.join(" "));
    assert.equal(code, expected, `${args.join(" ")}: ${err}`);
    assert.equal(out, "");
  }
  assert.equal(existsSync(join(folder, "never.html")), false);
});

/** A pool's data folder with one job that ran for a minute. */
async function makePool(name: string): Promise<void> {
  const store = await openSqliteStore({ folder: join(folder, name) });
  assert.ok(store.ok);
  const accelerators = [{ id: "gpu0", kind: "gpu", vendor: "X", model: "Y", memoryMiB: 1_024 }];
  const node = { name: "n1", os: "linux", arch: "x64", milliCpu: 8_000, memoryMiB: 8_192 };
  const nodes = [{ ...node, accelerators, labels: {} }];
  const resources = { accelerators: 1, milliCpu: 1_000, memoryMiB: 64 };
  const spec = {
    ...{ name: "train", project: "lab", user: "eva", priority: 0, preemptible: false },
    ...{ requeue: true, walltimeMs: 3_600_000, dependencies: [] },
    groups: [{ name: "g", count: 1, command: ["x"], env: {}, resources }],
    constraints: { members: [], excludeMembers: [], labels: {} },
  };
  const lease = { leaseId: "7", jobId: "1" };
  const end = { outcome: "completed", usage: { ranMs: 60_000, deviceMs: 60_000, cpuMs: 0 } };
  const records = [
    { type: "site.joined", data: { siteId: "s1", member: "ana" } },
    { type: "site.inventoried", data: { siteId: "s1", nodes } },
    { type: "job.submitted", data: { jobId: "1", spec } },
    { type: "lease.granted", data: { lease } },
    { type: "lease.ended", data: { leaseId: "7", end } },
  ].map(({ type, data }, at) => ({ atMs: at * 1_000, type, payload: JSON.stringify(data) }));
  const written = await store.value.journal.append(0, records);
  assert.ok(written.ok);
  await store.value.close();
}

test("a pool's own journal is a trace, and its sites are the cluster", async () => {
  await makePool("pool");
  const before = readdirSync(join(folder, "pool")).sort();
  for (const flags of [
    ["--store", "pool"],
    ["--trace", "journal:pool"],
  ]) {
    const { code, out, err } = await simulate([...flags, "--policy", "pool", "--json"]);
    assert.equal(code, EXIT.OK, err);
    const { rows, facts } = JSON.parse(out);
    assert.match(facts.cluster, /^1 accelerators on 1 nodes of 1 members; the sites of /);
    assert.deepEqual([rows[0].jobs, rows[0].jctMeanS], [1, 60]);
  }
  assert.deepEqual(readdirSync(join(folder, "pool")).sort(), before);
  const missing = await simulate(["--store", "nowhere"]);
  assert.equal(missing.code, EXIT.NOT_FOUND, missing.err);
});

test("Ctrl-C ends it at once with 130, and nothing has been written", async () => {
  const generate = ["--generate", "jobs=200000,days=60,load=2", "--policy", "pool"];
  const { code, out } = await simulate([...generate, "--out", "cut"], (act) => {
    setTimeout(act, 300);
  });
  assert.equal(code, EXIT.INTERRUPTED);
  assert.equal(out, "");
  assert.equal(existsSync(join(folder, "cut")), false);
});
