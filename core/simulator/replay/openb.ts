// Protocol A: pods arrive one after another at a cluster and never leave. How much of its
// accelerators is allocated when the requests add up to 100 % and to 130 % of them? Source: FGD
// (USENIX ATC 2023) and its simulator, whose columns and roundings are kept.
import {
  knowsMix,
  Mix,
  type NodeShape,
  NodeTable,
  type PlacementPolicy,
  placerOf,
  type Request,
  RequestTable,
} from "../../scheduler/placement/index.ts";
import type { OpenbArrivals } from "../traces/openb.ts";
import { MovingPlacer } from "./openb-moves.ts";

/** Highest column, in per cent of the cluster. */
const COLUMN_MAX = 130;
const FULL_COLUMN = 100;

export interface OpenbCase {
  readonly nodes: readonly NodeShape[];
  /** The workload as listed: what policies may know that know the mix beforehand. */
  readonly pods: readonly Request[];
  readonly arrivals: OpenbArrivals;
  readonly policy: PlacementPolicy;
  /** True: what runs may be moved for a pod that finds no node; absent: nothing moves. */
  readonly moves?: boolean;
  /** True: they may also move so that wasteful pods find no room; only with `moves`. */
  readonly spread?: boolean;
  /** Told after every arrival of the per cent that have arrived, and of the nodes. */
  readonly onArrival?: (load: number, nodes: NodeTable) => void;
}

export const REJECTED_KINDS = ["cpu", "shared", "1", "2", "4", "8"] as const;

export interface OpenbResult {
  /** Allocated in per cent, by per cent arrived, 0 to 130. */
  readonly columns: readonly number[];
  readonly allocatedAt100: number;
  readonly allocatedAt130: number;
  /** Per cent arrived when the first pod with an accelerator found no node; null: none did. */
  readonly firstRejectionAt: number | null;
  /** Pods that found no node up to 100 % and up to 130 %, by kind as in REJECTED_KINDS. */
  readonly rejectedAt100: readonly number[];
  readonly rejectedAt130: readonly number[];
  /** Moves of running pods for each pod placed, over all arrivals. */
  readonly movesPerPlacement: number;
}

/** Runs one order of arrival through one policy. */
export function replayOpenb(replay: OpenbCase): OpenbResult {
  const { nodes: shapes, pods, arrivals, policy } = replay;
  const nodes = new NodeTable(shapes, arrivals.nodeRank);
  const requests = new RequestTable(nodes);
  const known = pods.map((pod) => requests.know(pod));
  const mix = new Mix(requests);
  if (knowsMix(policy)) for (const request of known) mix.add(request);
  const still = placerOf(policy, { nodes, requests, mix, seed: Number(arrivals.seed) || 0 });
  const moving =
    replay.moves === true ? new MovingPlacer(nodes, still, replay.spread === true) : undefined;
  const placer = moving ?? still;
  const columns = new Columns();
  const rejected = REJECTED_KINDS.map(() => 0);
  let rejectedAt100: readonly number[] | undefined;
  let firstRejectionAt: number | null = null;
  let [arrived, allocated, holding] = [0, 0, 0];
  for (const pod of arrivals.pods) {
    const request = known[pod]!;
    const placed = placer.place(request) !== undefined;
    arrived += request.wholeMilli;
    if (placed) {
      allocated += request.wholeMilli;
      holding += 1;
    }
    const load = (FULL_COLUMN * arrived) / nodes.wholeMilli;
    if (load > FULL_COLUMN) rejectedAt100 ??= [...rejected];
    if (!placed) {
      if (request.accelerators > 0) firstRejectionAt ??= load;
      rejected[kindOf(request)]! += 1;
    }
    columns.add(load, (FULL_COLUMN * allocated) / nodes.wholeMilli);
    replay.onArrival?.(load, nodes);
  }
  return {
    columns: Array.from({ length: COLUMN_MAX + 1 }, (_, column) => columns.at(column)),
    allocatedAt100: columns.at(FULL_COLUMN),
    allocatedAt130: columns.at(COLUMN_MAX),
    firstRejectionAt,
    rejectedAt100: rejectedAt100 ?? rejected,
    rejectedAt130: rejected,
    movesPerPlacement: moving === undefined || holding === 0 ? 0 : moving.moves / holding,
  };
}

function kindOf({ accelerators, milli }: Request): number {
  if (accelerators === 0) return 0;
  if (accelerators === 1) return milli < 1_000 ? 1 : 2;
  return Math.min(REJECTED_KINDS.length - 1, 2 + Math.ceil(Math.log2(accelerators)));
}

/** Means of what was allocated, by the whole per cent that had arrived. */
class Columns {
  readonly #sums: number[] = [];
  readonly #counts: number[] = [];

  add(arrived: number, allocated: number): void {
    const column = roundHalfEven(arrived);
    this.#sums[column] = (this.#sums[column] ?? 0) + roundHalfEven(allocated, 100);
    this.#counts[column] = (this.#counts[column] ?? 0) + 1;
  }

  /** A column without an arrival takes the mean over its neighbours'. */
  at(column: number): number {
    const own = this.#counts[column] ?? 0;
    const from = own > 0 ? [column] : [column - 1, column + 1];
    let [sum, count] = [0, 0];
    for (const near of from) {
      sum += this.#sums[near] ?? 0;
      count += this.#counts[near] ?? 0;
    }
    return count === 0 ? Number.NaN : roundHalfEven(sum / count, 100);
  }
}

/** Rounds to a part of 1; halves go to the even neighbour. */
function roundHalfEven(value: number, parts = 1): number {
  const scaled = value * parts;
  const below = Math.floor(scaled);
  const rest = scaled - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 === 1);
  return (up ? below + 1 : below) / parts;
}
