// `npm run -s bench:placement -- [--nodes N] [--decisions D] [--policy NAME] [--runs R]`: decisions
// per second of the placement core alone, on one core, at a load where things leave and come: the
// pool is filled to four fifths, then each arrival is followed by a departure. Nodes and requests
// are drawn from the openb trace's kinds (written here: the trace need not be there).
// entry: package.json starts it as `bench:placement`.
import { parseArgs } from "node:util";
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
  type Request,
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

function draw<T>(chance: Chance, rows: readonly T[], weight: (row: T) => number): T {
  let left = chance.next() * rows.reduce((sum, row) => sum + weight(row), 0);
  for (const row of rows) {
    left -= weight(row);
    if (left < 0) return row;
  }
  return rows[0]!;
}

interface Measured {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly bytesPerNode: number;
}

function measure(
  policy: PlacementPolicy,
  count: number,
  decisions: number,
  seed: number,
): Measured {
  const chance = chanceOf(seed);
  const shapes = Array.from({ length: count }, (): NodeShape => {
    const [model, accelerators, cores, gib] = draw(chance, KINDS, (row) => row[4]);
    return { model, accelerators, milliCpu: cores * 1_000, memoryMiB: gib * GIB };
  });
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().rss;
  const nodes = new NodeTable(shapes);
  const requests = new RequestTable(nodes);
  const known = PODS.map(([accelerators, milli, cores, gib, models, weight]) => {
    const request: Request = {
      accelerators,
      milli,
      milliCpu: Math.round(cores * 1_000),
      memoryMiB: gib * GIB,
      models,
    };
    return { request: requests.know(request), weight };
  });
  const mix = new Mix(requests);
  if (knowsMix(policy)) for (const { request, weight } of known) mix.add(request, weight);
  const placer = placerOf(policy, { nodes, requests, mix, seed });
  const here: { readonly request: KnownRequest; readonly place: Place }[] = [];
  const arrival = (): KnownRequest => draw(chance, known, (row) => row.weight).request;
  let used = 0;
  while (used < FILLED_PART * nodes.wholeMilli) {
    const request = arrival();
    const place = placer.place(request);
    if (place === undefined) continue;
    used += request.wholeMilli;
    here.push({ request, place });
  }
  const us: number[] = [];
  let spent = 0;
  for (let decision = 0; decision < decisions; decision += 1) {
    const request = arrival();
    const began = performance.now();
    const place = placer.place(request);
    const took = performance.now() - began;
    spent += took;
    us.push(took * 1_000);
    if (place === undefined) continue;
    const leaves = chance.whole(0, here.length - 1);
    const gone = here[leaves]!;
    here[leaves] = { request, place };
    placer.release(gone.request, gone.place);
  }
  us.sort((a, b) => a - b);
  globalThis.gc?.();
  const at = (part: number): number => us[Math.floor(us.length * part)]!;
  return {
    perSecond: (decisions / spent) * 1_000,
    p50Us: at(0.5),
    p99Us: at(0.99),
    bytesPerNode: (process.memoryUsage().rss - heapBefore) / count,
  };
}

function main(): number {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { nodes: text, decisions: text, policy: text, runs: text },
  });
  const count = Number(values.nodes ?? 5_000);
  const decisions = Number(values.decisions ?? DECISIONS);
  const runs = Number(values.runs ?? RUNS);
  const policy = PLACEMENT_POLICIES.find((name) => name === (values.policy ?? "saturation"));
  if (policy === undefined || !(count >= 1) || !(decisions >= 1) || !(runs >= 1)) {
    console.error(`Wrong option. Policies: ${PLACEMENT_POLICIES.join(", ")}`);
    return 2;
  }
  const all = Array.from({ length: runs }, (_, run) => measure(policy, count, decisions, run + 1));
  const median = (of: (one: Measured) => number): number =>
    all.map(of).sort((a, b) => a - b)[all.length >> 1]!;
  record("placement", {
    claim: `placements per second at ${count} nodes, ${policy}`,
    value: Math.round(median(({ perSecond }) => perSecond)),
    unit: "placements/s",
    bar: count <= 5_000 ? ">= 100,000" : ">= 20,000 at 100,000 nodes",
    peer: "kube-scheduler's CI threshold: 810/s, 180/s with devices, at 5,000 nodes",
    details: {
      runs,
      decisions,
      p50Us: Math.round(median(({ p50Us }) => p50Us) * 10) / 10,
      p99Us: Math.round(median(({ p99Us }) => p99Us) * 10) / 10,
      bytesPerNode: Math.round(median(({ bytesPerNode }) => bytesPerNode)),
    },
  });
  return 0;
}

process.exitCode = main();
