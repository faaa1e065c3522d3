// Tests of playing traces of every kind, made here: what is read, what is refused, and why.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Outcome, refuse } from "@tequio/core/pool";
import type { Report } from "@tequio/core/simulator";
import { detect, simulate } from "./play.ts";
import type { SimulateRequest } from "./request.ts";

const folder = mkdtempSync(join(tmpdir(), "tequio-play-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const REQUEST: SimulateRequest = {
  ...{ policies: [], seed: 1, without: [], pools: [], scales: [], lossS: 60, moveCostS: 0 },
  ...{ skipTooLarge: false, owner: "auto", command: "tequio simulate", cwd: folder },
};
const PORTS = {
  onProgress: () => {},
  openStore: async () => refuse("NOT_FOUND", "There is no pool here.", "Give another place."),
};
const play = (request: Partial<SimulateRequest>): Promise<Outcome<Report>> =>
  simulate({ ...REQUEST, traceSaid: "t", ...request }, PORTS);

/** The figures of a run that must succeed. */
async function played(request: Partial<SimulateRequest>) {
  const outcome = await play(request);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  const { figures, facts } = outcome.value;
  const { rows } = figures as { rows: Record<string, unknown>[] };
  return { rows, facts: facts.map(([name, value]) => `${name}: ${value}`).join("\n") };
}

const PHILLY = `timestamp,duration,num_gpus,gpu_time,cluster
2017-10-01 00:00:00,600,4,2400,ana
2017-10-01 00:00:10,900,8,7200,ana
2017-10-01 00:05:00,300,1,300,ben
2017-10-01 01:00:00,60,2,120,ben
`;
const CLUSTER = `members:
  - name: ana
    nodes: [{ count: 2, model: H100, accelerators: 8, cores: 64, memory: 512G, price: 2 }]
  - name: ben
    sites:
      - name: lab
        nodes: [{ accelerators: 4, labels: { zone: b } }]
`;
const NODES = `sn,cpu_milli,memory_mib,gpu,model
n1,64000,262144,2,G2
n2,96000,786432,8,V100M32
`;

test("an SWF log is played on the machine that its comments tell of", async () => {
  const line = (id: number, atS: number, runS: number, procs: number, user: number): string =>
    `${id} ${atS} 0 ${runS} ${procs} -1 -1 ${procs} ${2 * runS} -1 1 ${user} 1 3 1 -1 -1 -1`;
  const log = [
    "; MaxProcs: 32",
    "; MaxNodes: 4",
    ...[line(1, 0, 100, 32, 1), line(2, 5, 50, 8, 2), line(3, 6, 0, 8, 2), line(4, 7, 20, 20, 1)],
  ];
  const trace = file("log.swf", log.join("\n"));
  const { rows, facts } = await played({ trace, policies: ["pool", "easy"] });
  assert.match(facts, /32 cores on 4 nodes of 1 members; from the log: MaxProcs 32/);
  assert.match(facts, /1 jobs of the log never ran/);
  assert.match(facts, /owner is a user/);
  // The whole machine is busy until 100 s, then both others start.
  assert.deepEqual(
    rows.map(({ jobs, waitMaxS }) => [jobs, Math.round(waitMaxS as number) >= 93]),
    [
      [3, true],
      [3, true],
    ],
  );
});

test("a processor of an SWF log is an accelerator where the cluster has them", async () => {
  const trace = file("one.swf", `1 0 0 100 12 -1 -1 12 200 -1 1 5 1 3 1 -1 -1 -1`);
  const cluster = file("cluster.yaml", CLUSTER);
  const { facts } = await played({ trace, cluster, policies: ["easy"] });
  assert.match(facts, /is one of the accelerators/);
});

test("a Gavel trace needs its speeds and a rate, and is played in rounds", async () => {
  const table = ["gpu_type,job_type,scale_factor,steps_per_s", "v100,A,1,2", "k80,A,1,1"];
  const speeds = file("speeds.csv", table.join("\n"));
  const rows = ["0,A,1,100,200,1", "1,A,1,100,400,0.5", "2,A,1,100,100,2"];
  const head = "job_id,job_type,scale_factor,duration_v100_s,total_steps,unit_interarrival_to_next";
  const trace = file("jobs.csv", [head, ...rows].join("\n"));
  const request = { trace, speeds, rate: 60 };
  const all = await played({ ...request, policies: ["all"], scales: [0.5] });
  assert.equal(all.rows.length, 14);
  for (const row of all.rows) assert.ok((row.meanH as number) > 0 && row.unfinished === 0);
  const wrong: readonly (readonly [Partial<SimulateRequest>, RegExp])[] = [
    [{ trace, speeds }, /have gaps and no times/],
    [{ ...request, without: [["ana"]] }, /have no owners/],
    [{ ...request, policies: ["pool"] }, /No policy for this kind of trace is called pool/],
    [{ trace, rate: 60 }, /no table of speeds/],
    [{ ...request, cluster: file("k.yaml", CLUSTER) }, /can run on none of h100/],
  ];
  for (const [asked, message] of wrong) {
    const outcome = await play(asked);
    assert.ok(!outcome.ok);
    assert.match(outcome.message, message);
  }
});

test("an openb trace is placed by every policy in the order that the seed draws", async () => {
  const pods = ["name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec"];
  for (let at = 0; at < 20; at += 1) pods.push(`p${at},1000,1024,1,${at % 2 ? 500 : 1000},`);
  const trace = file("pods.csv", pods.join("\n"));
  const cluster = file("nodes.csv", NODES);
  const { rows } = await played({ trace, cluster, policies: ["all"], scales: [0.5] });
  const whole = rows.filter(({ scenario }) => scenario === "as it is");
  assert.equal(rows.length, 2 * whole.length);
  for (const row of whole) assert.ok((row.allocatedAt130 as number) > 80, `${row.policy}`);
  const again = await played({ trace, cluster, policies: ["random"], seed: 1 });
  const other = await played({ trace, cluster: file("c.yaml", CLUSTER), policies: ["random"] });
  assert.deepEqual(
    again.rows[0],
    whole.find(({ policy }) => policy === "random"),
  );
  assert.notDeepEqual(other.rows[0], again.rows[0]);
  const nowhere = await play({ trace });
  assert.ok(!nowhere.ok);
  assert.match(nowhere.message, /no openb_node_list_gpu_node.csv beside the trace/);
});

test("a cluster file gives the machines, the owners and the prices", async () => {
  const request = { generate: "jobs=50,days=1,models=H100", policies: ["pool"] };
  const { rows, facts } = await played({ ...request, cluster: file("cluster.yaml", CLUSTER) });
  assert.match(facts, /20 accelerators on 3 nodes of 2 members/);
  const [row] = rows as { cost: number; owners: { owner: string; ownSlots: number }[] }[];
  assert.ok(row!.cost > 0);
  assert.deepEqual(
    row!.owners.map(({ owner, ownSlots }) => [owner, ownSlots]),
    [
      ["ana", 16],
      ["ben", 4],
    ],
  );
});

test("what is broken is refused with the place, what was expected, and what to do", async () => {
  const generate = "jobs=5";
  const wide = file("wide.csv", `${PHILLY}2017-10-01 02:00:00,5,64,5,ben\n`);
  const odd = file("odd.txt", "hello\n");
  const cluster = file("cluster.yaml", CLUSTER);
  const changed = (from: string, to: string): string =>
    file(`cluster-${to.length}.yaml`, CLUSTER.replace(from, to));
  const cases: readonly (readonly [Partial<SimulateRequest>, string, RegExp])[] = [
    [{ trace: join(folder, "none.csv") }, "NOT_FOUND", /There is no file .*none.csv/],
    [{ trace: folder }, "INVALID_REQUEST", /it is a folder/],
    [{ trace: odd }, "INVALID_REQUEST", /no format that is known: it begins "hello"/],
    [{ trace: odd, format: "swf" }, "INVALID_REQUEST", /line 1: .*18 fields/],
    [{ trace: wide, cluster }, "INVALID_REQUEST", /asks for 64 accelerators/],
    [{ generate, cluster: changed("H100", "H10O SXM") }, "INVALID_REQUEST", /no accelerator/],
    [{ generate, cluster: changed("count", "cuont") }, "UNKNOWN_FIELD", /cuont/],
    [{ generate, cluster: changed("name: ben", "name: ana") }, "INVALID_REQUEST", /Two members/],
    [{ generate, policies: ["best"] }, "USAGE", /is called best/],
    [{ generate, without: [["nobody"]] }, "USAGE", /no member nobody/],
    [{ generate, without: [["owner1", "owner2", "owner3", "owner4"]] }, "USAGE", /leaves nobody/],
    [{ generate: "lood=1" }, "INVALID_REQUEST", /lood: there is no such key/],
    [{ store: "nowhere" }, "NOT_FOUND", /no pool here/],
  ];
  for (const [request, code, message] of cases) {
    const outcome = await play(request);
    assert.ok(!outcome.ok, JSON.stringify(request));
    assert.match(outcome.message, message);
    assert.equal(outcome.code, code, outcome.message);
    assert.ok(outcome.hint.length > 10);
  }
  const left = await played({ trace: wide, cluster, skipTooLarge: true, policies: ["pool"] });
  assert.match(left.facts, /1 job that is larger than the cluster left out/);
});

test("the first line tells the format of a trace", () => {
  const cases: readonly (readonly [string, string])[] = [
    [PHILLY, "philly"],
    ["; Version: 2\n1 2 3", "swf"],
    ["  1 0 0 100 12 -1 -1 12 200 -1 1 5 1 3 1 -1 -1 -1\n", "swf"],
    ["\uFEFFname,cpu_milli,memory_mib,num_gpu,gpu_milli\n", "openb"],
    ["job_type,total_steps,scale_factor,arrival_s,priority_weight\n", "gavel"],
  ];
  for (const [text, format] of cases) assert.deepEqual(detect(text), { ok: true, value: format });
});
