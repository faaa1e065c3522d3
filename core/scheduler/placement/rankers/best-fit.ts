// Best fit: the node that is left with least, processor time and accelerators counted alike.
// Source: the baseline of the FGD paper (USENIX ATC 2023), with its reference node of 128 cores
// and 8 accelerators.
import type { NodeTable } from "../nodes.ts";
import { type Ranker, tightest } from "../ranker.ts";

const REFERENCE_MILLI_CPU = 128_000;
const REFERENCE_MILLI = 8_000;

/** Best fit; scores are per cent of the reference node. */
export function bestFit(nodes: NodeTable): Ranker {
  return {
    name: "best-fit",
    rate: (request, node) => {
      const cpu = (nodes.freeMilliCpu[node]! - request.milliCpu) / REFERENCE_MILLI_CPU;
      const left = (nodes.freeMilli(node) - request.wholeMilli) / REFERENCE_MILLI;
      return Math.trunc((1 - (cpu * 0.5 + left * 0.5)) * 100);
    },
    choose: (request, node) => tightest(nodes, request, node),
  };
}
