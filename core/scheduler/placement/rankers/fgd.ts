// Fragmentation gradient descent: the node whose fragmentation grows least. Source: Weng et al.,
// USENIX ATC 2023. The cut to whole numbers belongs to the algorithm: with real scores it loses
// three points, since equal scores are what lets the order of the nodes pack them.
import { type FreeNode, fragmentation, type Typical, typicalOf } from "../fragmentation.ts";
import type { Mix } from "../mix.ts";
import { Renewal } from "../mix.ts";
import { type NodeTable, WHOLE } from "../nodes.ts";
import type { Ranker } from "../ranker.ts";
import type { KnownRequest } from "../requests.ts";

/** Thousandths by which the sigmoid is scaled, and the highest score. */
const SCALE_MILLI = 1_000;
const SCORE_MAX = 100;

/** `known`: the whole mix beforehand, as published; else it is learned from the arrivals. */
export function fgd(nodes: NodeTable, mix: Mix, known: boolean): Ranker {
  let typical: readonly Typical[] = known ? typicalOf(mix.rows()) : [];
  const renewal = new Renewal();
  const before = new Float64Array(nodes.count).fill(Number.NaN);
  const row = new Int16Array(nodes.stride);

  const fragmentationOf = (node: number): number => {
    if (Number.isNaN(before[node])) {
      before[node] = fragmentation(typical, freeOf(nodes, node));
    }
    return before[node]!;
  };
  const after = (request: KnownRequest, node: number): number => {
    const milliCpu = nodes.freeMilliCpu[node]! - request.milliCpu;
    const kind = nodes.kind[node]!;
    const free: FreeNode = { kind, milliCpu, free: row, from: 0, stride: nodes.stride };
    const change = fragmentationOf(node) - fragmentation(typical, free);
    return Math.trunc(SCORE_MAX / (1 + Math.exp(-change / SCALE_MILLI)));
  };
  /** Best score and the first accelerator that gives it; -1 where none is to be chosen. */
  const look = (request: KnownRequest, node: number): readonly [score: number, at: number] => {
    const from = node * nodes.stride;
    row.set(nodes.free.subarray(from, from + nodes.stride));
    if (request.accelerators !== 1 || request.milli === WHOLE) {
      let left = request.accelerators;
      for (let at = 0; left > 0; at += 1) {
        if (row[at] !== WHOLE) continue;
        row[at] = 0;
        left -= 1;
      }
      return [after(request, node), -1];
    }
    let [best, highest] = [-1, -1];
    for (let at = 0; at < nodes.stride; at += 1) {
      if (row[at]! < request.milli || nodes.free.indexOf(row[at]!, from) < from + at) continue;
      row[at]! -= request.milli;
      const score = after(request, node);
      row[at]! += request.milli;
      if (score > highest) [best, highest] = [at, score];
    }
    return [highest, best];
  };
  return {
    name: known ? "fgd-known" : "fgd",
    arrive: (request) => {
      if (known) return false;
      mix.add(request);
      if (!renewal.due(mix.total)) return false;
      typical = typicalOf(mix.rows());
      before.fill(Number.NaN);
      return true;
    },
    rate: (request, node) => look(request, node)[0],
    choose: (request, node) => look(request, node)[1],
    placed: (_, node) => {
      before[node] = Number.NaN;
    },
  };
}

function freeOf(nodes: NodeTable, node: number): FreeNode {
  const { stride, free } = nodes;
  return {
    kind: nodes.kind[node]!,
    milliCpu: nodes.freeMilliCpu[node]!,
    free,
    from: node * stride,
    stride,
  };
}
