// Dot product: the node whose free parts point least in the direction of the request, so that
// what is scarce for it stays elsewhere. Source: the baseline of the FGD paper (USENIX ATC 2023).
import type { NodeTable } from "../nodes.ts";
import { type Ranker, tightest } from "../ranker.ts";

const REFERENCE_MILLI_CPU = 128_000;
const REFERENCE_MILLI = 8_000;

/** Dot product; scores are per cent. */
export function dotProduct(nodes: NodeTable): Ranker {
  return {
    name: "dot-product",
    rate: (request, node) => {
      const cpu =
        (nodes.freeMilliCpu[node]! / REFERENCE_MILLI_CPU) *
        (request.milliCpu / REFERENCE_MILLI_CPU);
      const milli =
        (nodes.freeMilli(node) / REFERENCE_MILLI) * (request.wholeMilli / REFERENCE_MILLI);
      return Math.trunc(100 * (1 - (cpu + milli) / 2));
    },
    choose: (request, node) => tightest(nodes, request, node),
  };
}
