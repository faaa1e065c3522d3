// Requests that arrive at nodes and never leave (openb): policies side by side, how full the
// cluster gets, and how much of what is idle nothing could use.

import type { NodeShape, NodeTable, PlacementPolicy, Request } from "../../scheduler/index.ts";
import { fragmentation, type Typical, typicalOf } from "../../scheduler/placement/fragmentation.ts";
import { Mix, RequestTable } from "../../scheduler/placement/index.ts";
import { chanceOf } from "../chance.ts";
import { type OpenbResult, replayOpenb } from "../replay/openb.ts";
import type { OpenbArrivals } from "../traces/openb.ts";
import { mean } from "./figures.ts";
import { figure, fixed, type Point, type Report } from "./report.ts";

/** Requests arrive until they add up to this part of the cluster (the page's protocol). */
const LOAD_PART = 1.3;
/** Below this load every policy allocates all that arrives. */
const DRAWN_FROM = 50;
/** Arrivals that are drawn at most: requests without accelerators never fill a cluster. */
const ARRIVALS_MAX = 1_000_000;

/** An order of arrival drawn from a seed by the protocol's rule, and the order of the nodes. */
export function drawArrivals(
  nodes: readonly NodeShape[],
  pods: readonly Request[],
  seed: number,
): OpenbArrivals {
  const chance = chanceOf(seed);
  const shuffled = (count: number): number[] => {
    const order = Array.from({ length: count }, (_, at) => at);
    for (let at = count - 1; at > 0; at -= 1) {
      const other = chance.whole(0, at);
      [order[at], order[other]] = [order[other]!, order[at]!];
    }
    return order;
  };
  const target = LOAD_PART * 1_000 * nodes.reduce((sum, { accelerators }) => sum + accelerators, 0);
  const milli = (pod: number): number => pods[pod]!.milli * pods[pod]!.accelerators;
  const order = shuffled(pods.length);
  let total = order.reduce((sum, pod) => sum + milli(pod), 0);
  while (total > target && order.length > 1) total -= milli(order.pop()!);
  while (total > 0 && order.length < ARRIVALS_MAX) {
    const pod = chance.whole(0, pods.length - 1);
    if (total + pods[pod]!.milli > target) break;
    order.push(pod);
    total += milli(pod);
  }
  return { seed: `${seed}`, pods: order, nodeRank: shuffled(nodes.length) };
}

export interface PlacementScenario {
  readonly name: string;
  readonly nodes: readonly NodeShape[];
  readonly arrivals: readonly OpenbArrivals[];
}

export interface PlacementInput {
  readonly title: string;
  readonly facts: Report["facts"];
  readonly pods: readonly Request[];
  readonly scenarios: readonly PlacementScenario[];
  readonly policies: readonly PlacementPolicy[];
  readonly onProgress?: (what: string, done: number, of: number) => void;
}

interface Row {
  readonly name: string;
  readonly policy: PlacementPolicy;
  readonly scenario: PlacementScenario;
  readonly at100: number;
  readonly at130: number;
  readonly first: number;
  readonly bySeed: readonly number[];
  readonly allocated: readonly Point[];
  readonly fragmented: readonly Point[];
}

/** Plays every policy on every cluster and reports. */
export function placementReport(input: PlacementInput): Report {
  const rows = input.scenarios.flatMap((scenario) =>
    input.policies.map((policy) => play(input, scenario, policy)),
  );
  const several = input.scenarios.length > 1;
  return {
    title: input.title,
    facts: input.facts,
    tables: [tableOf(rows, several)],
    sentences: rows.flatMap((row) => changeOf(rows, row)),
    plots: [
      {
        ...{ kind: "lines", title: "Allocated over load", yLabel: "allocated, % of the cluster" },
        ...{ xLabel: "arrived, % of the cluster", yMax: 100 },
        ...{ yMin: DRAWN_FROM, xMin: DRAWN_FROM },
        series: rows.map(({ name, allocated }) => ({ name, points: allocated })),
      },
      {
        ...{ kind: "lines", title: "Fragmentation over load" },
        yLabel: "idle but of no use, %",
        xLabel: "arrived, % of the cluster",
        series: rows.map(({ name, fragmented }) => ({ name, points: fragmented })),
      },
    ],
    figures: {
      rows: rows.map(({ policy, scenario, at100, at130, first, bySeed }) => ({
        ...{ policy, scenario: scenario.name, allocatedAt100: figure(at100) },
        ...{ allocatedAt130: figure(at130), firstRejectionAt: figure(first), bySeed },
        seeds: scenario.arrivals.map(({ seed }) => seed),
      })),
    },
  };
}

function play(input: PlacementInput, scenario: PlacementScenario, policy: PlacementPolicy): Row {
  const name = input.scenarios.length === 1 ? policy : `${policy}, ${scenario.name}`;
  const results = scenario.arrivals.map((arrivals, at) => {
    input.onProgress?.(name, at, scenario.arrivals.length);
    return playOne(input, scenario, { policy, arrivals });
  });
  const over = (of: (result: OpenbResult) => number): number =>
    mean(results.map(({ result }) => of(result)));
  const columns = results[0]!.result.columns.length;
  const points = (of: (at: number, result: (typeof results)[number]) => number): Point[] =>
    Array.from(
      { length: columns },
      (_, at): Point => [at, mean(results.map((result) => of(at, result)))],
    ).filter(([, y]) => Number.isFinite(y));
  return {
    ...{ name, policy, scenario },
    at100: over(({ allocatedAt100 }) => allocatedAt100),
    at130: over(({ allocatedAt130 }) => allocatedAt130),
    first: over(({ firstRejectionAt }) => firstRejectionAt ?? 130),
    bySeed: results.map(({ result }) => result.allocatedAt100),
    allocated: points((at, { result }) => result.columns[at]!),
    fragmented: points((at, { fragments }) => fragments[at] ?? Number.NaN),
  };
}

function playOne(
  { pods }: PlacementInput,
  { nodes }: PlacementScenario,
  { policy, arrivals }: { readonly policy: PlacementPolicy; readonly arrivals: OpenbArrivals },
): { readonly result: OpenbResult; readonly fragments: readonly number[] } {
  const fragments: number[] = [];
  let typical: readonly Typical[] | undefined;
  const onArrival = (load: number, table: NodeTable): void => {
    const at = Math.floor(load);
    if (fragments[at] !== undefined) return;
    typical ??= typicalPods(table, pods);
    fragments[at] = fragmented(table, typical);
  };
  return { result: replayOpenb({ nodes, pods, arrivals, policy, onArrival }), fragments };
}

/** The yardstick knows the whole mix; whether a policy does is another matter. */
function typicalPods(table: NodeTable, pods: readonly Request[]): readonly Typical[] {
  const requests = new RequestTable(table);
  const mix = new Mix(requests);
  for (const pod of pods) mix.add(requests.know(pod));
  return typicalOf(mix.rows());
}

/** Idle parts that the next typical request could not use, in per cent of the cluster. */
function fragmented(table: NodeTable, typical: readonly Typical[]): number {
  const { free, stride, wholeMilli } = table;
  let sum = 0;
  for (let node = 0; node < table.count; node += 1) {
    const [kind, milliCpu] = [table.kind[node]!, table.freeMilliCpu[node]!];
    sum += fragmentation(typical, { kind, milliCpu, free, from: node * stride, stride });
  }
  return (100 * sum) / wholeMilli;
}

function tableOf(rows: readonly Row[], several: boolean): Report["tables"][number] {
  return {
    title: "Policies",
    note:
      "Accelerators allocated, in % of the cluster, when the requests that have arrived add up to" +
      " 100 % and to 130 % of it; first: per cent arrived when one first found no node.",
    columns: [
      ...["policy", ...(several ? ["scenario"] : []), "at 100 %", "at 130 %", "first refusal %"],
      ...["fragmented at 100 %"],
    ],
    rows: rows.map(({ policy, scenario, at100, at130, first, fragmented: points }) => [
      ...[policy, ...(several ? [scenario.name] : [])],
      ...[fixed(at100, 2), fixed(at130, 2), fixed(first, 1)],
      fixed(points.find(([x]) => x === 100)?.[1] ?? Number.NaN, 2),
    ]),
  };
}

function changeOf(rows: readonly Row[], row: Row): readonly string[] {
  const base = rows.find(({ policy }) => policy === row.policy)!;
  if (base === row) return [];
  const by = row.at100 - base.at100;
  return [
    `${row.policy}, ${row.scenario.name}: allocated at 100 % ${fixed(base.at100, 2)} -> ` +
      `${fixed(row.at100, 2)} (${by < 0 ? "" : "+"}${fixed(by, 2)} points).`,
  ];
}
