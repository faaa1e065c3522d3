// Packing: parts of accelerators in use first, then nodes in use, then empty nodes.
// Source: the baseline GpuPacking of the FGD paper (USENIX ATC 2023).
import { type NodeTable, WHOLE } from "../nodes.ts";
import { type Ranker, tightest } from "../ranker.ts";
import type { KnownRequest } from "../requests.ts";

/** Scores of a node that is empty, in use with whole accelerators taken, or filled up in parts. */
const EMPTY = 33;
const IN_USE = 50;
const IN_PARTS = 100;

/** Packing; scores are points from 0 to 100. */
export function packing(nodes: NodeTable): Ranker {
  return {
    name: "packing",
    rate: (request, node) => rate(nodes, request, node),
    choose: (request, node) => tightest(nodes, request, node),
  };
}

function rate(nodes: NodeTable, request: KnownRequest, node: number): number {
  if (request.accelerators === 0) return 0;
  const from = node * nodes.stride;
  const parts = [...nodes.free.subarray(from, from + nodes.accelerators(node))];
  const whole = parts.filter((milli) => milli === WHOLE).length;
  if (whole === parts.length) return Math.max(EMPTY - whole, whole);
  const taken = parts
    .filter((milli) => milli >= request.milli)
    .sort((a, b) => a - b)
    .slice(0, request.accelerators);
  const broken = taken.filter((milli) => milli === WHOLE).length;
  if (broken > 0) return Math.max(IN_USE - broken, EMPTY);
  const free = taken.reduce((sum, milli) => sum + Math.trunc((milli * 100) / WHOLE), 0);
  return Math.max(IN_PARTS - Math.trunc(free / 10), IN_USE);
}
