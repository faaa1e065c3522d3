// `npm run -s bench:placement -- [--nodes N] [--decisions D] [--policy NAME] [--runs R] [--curve]`:
// the placement core alone, on one core, at a load where things leave and come: the pool is filled
// to four fifths, then each arrival is followed by a departure. It prints decisions per second, the
// 99th percentile of one, and the memory of nodes and queued jobs; with --curve the cost of a
// decision at 1,000 to 1,000,000 nodes. Nodes and requests are drawn from the openb trace's kinds
// (written here: the trace need not be there).
// entry: package.json starts it as `bench:placement`.
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Chance, chanceOf } from "@tequio/core/pool";
import {
  type KnownRequest,
  knowsMix,
  Mix,
  type NodeShape,
  NodeTable,
  PLACEMENT_POLICIES,
  type Place,
  type PlacementPolicy,
  placerOf,
  RequestTable,
} from "@tequio/core/scheduler";
import { record } from "./record.ts";

const GIB = 1_024;
/** Kinds of nodes of the openb trace with a weight: model, accelerators, cores, GiB, count. */
const KINDS: readonly (readonly [string, number, number, number, number])[] = [
  ["G2", 8, 96, 384, 549],
  ["T4", 2, 104, 512, 387],
  ["P100", 2, 16, 120, 107],
  ["G3", 8, 128, 768, 39],
  ["V100M16", 4, 32, 128, 28],
  ["P100", 2, 64, 256, 22],
  ["V100M32", 8, 96, 768, 21],
  ["V100M16", 1, 8, 32, 19],
  ["T4", 4, 96, 384, 17],
  ["V100M32", 4, 48, 368, 9],
];
/** The most frequent pods of the trace, some bound to a model: accelerators, milli, cores, GiB. */
const PODS: readonly (readonly [number, number, number, number, string, number])[] = [
  [1, 810, 3.152, 5, "", 1047],
  [1, 1_000, 11.3, 48, "", 857],
  [1, 1_000, 11.4, 47, "", 534],
  [1, 1_000, 3.152, 5, "T4", 470],
  [1, 470, 11.908, 46, "", 748],
  [0, 0, 12.5, 56, "", 364],
  [0, 0, 32, 48, "", 284],
  [1, 1_000, 18.708, 63, "G2|G3", 255],
  [1, 650, 11.908, 46, "", 237],
  [1, 1_000, 9.81, 40, "V100M16|V100M32", 195],
  [1, 1_000, 15.7, 57, "", 158],
  [1, 320, 4, 22, "", 190],
  [1, 230, 4, 30, "", 84],
  [1, 590, 3.152, 5, "", 75],
  [1, 160, 4, 15, "", 53],
  [2, 1_000, 16.2, 65, "", 16],
  [4, 1_000, 32.2, 129, "", 15],
  [8, 1_000, 88, 320, "", 44],
];
const FILLED_PART = 0.8;
const DECISIONS = 20_000;
const RUNS = 5;
/** Sizes of the curve; the largest is filled with some four million requests first. */
const CURVE_NODES = [1_000, 10_000, 100_000, 1_000_000] as const;
/** A pool so small that its memory is what the core takes before there are nodes to speak of. */
const SMALL_NODES = 100;
const QUEUED_JOBS = 1_000_000;
const PEER = "kube-scheduler's CI threshold: 810/s, 180/s with devices, at 5,000 nodes";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that are held now, all garbage collected. */
function heldBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function draw<T>(chance: Chance, rows: readonly T[], weight: (row: T) => number): T {
  let left = chance.next() * rows.reduce((sum, row) => sum + weight(row), 0);
  for (const row of rows) {
    left -= weight(row);
    if (left < 0) return row;
  }
  return rows[0]!;
}

/** What runs, in flat arrays: the bench's own books, not counted as memory of the core. */
class Running {
  count = 0;
  #nodes = new Int32Array(1_024);
  /** Bit `a`: accelerator `a` of the node is taken. */
  #masks = new Uint16Array(1_024);
  #requests = new Uint16Array(1_024);

  get bytes(): number {
    return this.#nodes.byteLength + this.#masks.byteLength + this.#requests.byteLength;
  }

  set(at: number, request: KnownRequest, { node, accelerators }: Place): void {
    this.#nodes[at] = node;
    this.#masks[at] = accelerators.reduce((mask, one) => mask | (1 << one), 0);
    this.#requests[at] = request.id;
  }

  add(request: KnownRequest, place: Place): void {
    if (this.count === this.#nodes.length) this.#grow();
    this.set(this.count, request, place);
    this.count += 1;
  }

  request(at: number): number {
    return this.#requests[at]!;
  }

  place(at: number): Place {
    const accelerators: number[] = [];
    for (let one = 0; one < 16; one += 1) {
      if ((this.#masks[at]! & (1 << one)) !== 0) accelerators.push(one);
    }
    return { node: this.#nodes[at]!, accelerators };
  }

  #grow(): void {
    const [nodes, masks, requests] = [this.#nodes, this.#masks, this.#requests];
    this.#nodes = new Int32Array(2 * this.count);
    this.#masks = new Uint16Array(2 * this.count);
    this.#requests = new Uint16Array(2 * this.count);
    this.#nodes.set(nodes);
    this.#masks.set(masks);
    this.#requests.set(requests);
  }
}

interface Measured {
  /** Decisions alone by the clock; by processor time, where what others do on the machine does not
   * count, with departures and the drawing of requests included. */
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly bytes: number;
}

interface Case {
  readonly policy: PlacementPolicy;
  readonly count: number;
  readonly decisions: number;
  readonly seed: number;
}

function worldOf({ policy, count, seed }: Case) {
  const chance = chanceOf(seed);
  const shapes = Array.from({ length: count }, (): NodeShape => {
    const [model, accelerators, cores, gib] = draw(chance, KINDS, (row) => row[4]);
    return { model, accelerators, milliCpu: cores * 1_000, memoryMiB: gib * GIB };
  });
  const before = heldBytes();
  const nodes = new NodeTable(shapes);
  const requests = new RequestTable(nodes);
  const known = PODS.map(([accelerators, milli, cores, gib, models, weight]) => {
    const milliCpu = Math.round(cores * 1_000);
    const memoryMiB = gib * GIB;
    return {
      request: requests.know({ accelerators, milli, milliCpu, memoryMiB, models }),
      weight,
    };
  });
  const mix = new Mix(requests);
  if (knowsMix(policy)) for (const { request, weight } of known) mix.add(request, weight);
  const placer = placerOf(policy, { nodes, requests, mix, seed });
  const arrival = (): KnownRequest => draw(chance, known, (row) => row.weight).request;
  return { shapes, before, nodes, requests, placer, chance, arrival };
}

function measure(one: Case): Measured {
  const { shapes, before, nodes, requests, placer, chance, arrival } = worldOf(one);
  const running = new Running();
  let used = 0;
  while (used < FILLED_PART * nodes.wholeMilli) {
    const request = arrival();
    const place = placer.place(request);
    if (place === undefined) continue;
    used += request.wholeMilli;
    running.add(request, place);
  }
  const us = new Float64Array(one.decisions);
  const cpuBefore = process.cpuUsage();
  for (let decision = 0; decision < one.decisions; decision += 1) {
    const request = arrival();
    const began = performance.now();
    const place = placer.place(request);
    us[decision] = (performance.now() - began) * 1_000;
    if (place === undefined) continue;
    const leaves = chance.whole(0, running.count - 1);
    const gone = running.place(leaves);
    placer.release(requests.all[running.request(leaves)]!, gone);
    running.set(leaves, request, place);
  }
  const cpu = process.cpuUsage(cpuBefore);
  const spentUs = us.reduce((sum, took) => sum + took, 0);
  us.sort();
  const bytes = heldBytes() - before - running.bytes - us.byteLength;
  // Whoever is used no more is collected, and would not be counted: the core is asked once more,
  // and the shapes, which were there before, must still be.
  const last = placer.place(arrival());
  if (last !== undefined && last.node >= shapes.length) throw new Error("no such node");
  return {
    perSecond: (one.decisions / spentUs) * 1e6,
    perCpuSecond: (one.decisions / (cpu.user + cpu.system)) * 1e6,
    p50Us: us[Math.floor(us.length * 0.5)]!,
    p99Us: us[Math.floor(us.length * 0.99)]!,
    maxUs: us.at(-1)!,
    bytes,
  };
}

/** A job that waits before this core is a number and what it asks for, known once. */
function bytesPerQueuedJob(): number {
  const { arrival } = worldOf({ policy: "best-fit", count: 1, decisions: 0, seed: 1 });
  const before = heldBytes();
  const queue = Array.from({ length: QUEUED_JOBS }, (_, job) => ({ job, request: arrival() }));
  return (heldBytes() - before) / queue.length;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** Medians over runs that differ in their draws. */
function medians(policy: PlacementPolicy, count: number, decisions: number, runs: number) {
  const all = Array.from({ length: runs }, (_, run) =>
    measure({ policy, count, decisions, seed: run + 1 }),
  );
  const median = (of: (one: Measured) => number): number =>
    rounded(all.map(of).sort((a, b) => a - b)[all.length >> 1]!);
  return {
    perSecond: Math.round(median(({ perSecond }) => perSecond)),
    perCpuSecond: Math.round(median(({ perCpuSecond }) => perCpuSecond)),
    p50Us: median(({ p50Us }) => p50Us),
    p99Us: median(({ p99Us }) => p99Us),
    maxUs: median(({ maxUs }) => maxUs),
    bytesPerNode: rounded(median(({ bytes }) => bytes) / count),
  };
}

function recordSize(policy: PlacementPolicy, count: number, decisions: number, runs: number) {
  const { perCpuSecond, p99Us, bytesPerNode, ...rest } = medians(policy, count, decisions, runs);
  const small = medians(policy, SMALL_NODES, decisions, runs).bytesPerNode * SMALL_NODES;
  const details = { runs, decisions, ...rest };
  const at = `at ${count.toLocaleString("en")} nodes, ${policy}`;
  record("placement", {
    claim: `placements per second of one core ${at}, departures included`,
    value: perCpuSecond,
    unit: "placements/s",
    bar: count <= 5_000 ? ">= 100,000" : ">= 20,000 at 100,000 nodes",
    peer: `${PEER}; Armada's core: about 49,000/s at 1,000`,
    details,
  });
  record("placement", {
    claim: `99th percentile of one decision ${at}`,
    value: p99Us,
    unit: "us",
    bar: "<= 1,000 at 100,000 nodes",
    peer: "none publishes one",
    details: { runs, decisions, p50Us: rest.p50Us, maxUs: rest.maxUs },
  });
  record("placement", {
    claim: `memory of the core for each node beyond the first ${SMALL_NODES} ${at}, 80 % full`,
    value: rounded((bytesPerNode * count - small) / Math.max(1, count - SMALL_NODES)),
    unit: "bytes",
    bar: "<= 200",
    peer: "none publishes one",
    details: { runs, bytesWithTheFirst: Math.round(small), bytesPerNodeInAll: bytesPerNode },
  });
}

/** Cost of a decision by nodes; a logarithm doubles from 1,000 nodes to 1,000,000. */
function recordCurve(policy: PlacementPolicy, decisions: number): void {
  const rows = CURVE_NODES.map((nodes) => {
    const row = { nodes, ...medians(policy, nodes, decisions, 1) };
    console.log(JSON.stringify(row));
    return row;
  });
  record("placement", {
    claim: `cost of a decision at 1,000,000 nodes over that at 1,000, ${policy}`,
    value: rounded(rows.at(-1)!.p50Us / rows[0]!.p50Us),
    unit: "times",
    bar: "<= 2, as the logarithm grows",
    peer: "a scan of all nodes: 1,000 times",
    details: { rows },
  });
}

interface Options {
  readonly policy: PlacementPolicy;
  readonly nodes: number;
  readonly decisions: number;
  readonly runs: number;
  readonly curve: boolean;
}

function optionsOf(): Options | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      nodes: text,
      decisions: text,
      policy: text,
      runs: text,
      curve: { type: "boolean" },
    },
  });
  const [nodes, decisions, runs] = [
    values.nodes ?? 5_000,
    values.decisions ?? DECISIONS,
    values.runs ?? RUNS,
  ].map(Number);
  const policy = PLACEMENT_POLICIES.find((name) => name === (values.policy ?? "saturation"));
  if (policy === undefined || !(nodes! >= 1) || !(decisions! >= 1) || !(runs! >= 1)) {
    return undefined;
  }
  return {
    policy,
    nodes: nodes!,
    decisions: decisions!,
    runs: runs!,
    curve: values.curve === true,
  };
}

function main(): number {
  const options = optionsOf();
  if (options === undefined) {
    console.error(`Wrong option. Policies: ${PLACEMENT_POLICIES.join(", ")}`);
    return 2;
  }
  const { policy, nodes, decisions, runs } = options;
  if (options.curve) {
    recordCurve(policy, decisions);
    return 0;
  }
  recordSize(policy, nodes, decisions, runs);
  record("placement", {
    claim: `memory of a queued job, ${QUEUED_JOBS.toLocaleString("en")} of them`,
    value: Math.round(bytesPerQueuedJob()),
    unit: "bytes",
    bar: "<= 150",
    peer: "none publishes one",
  });
  return 0;
}

process.exitCode = main();
