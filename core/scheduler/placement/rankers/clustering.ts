// Clustering: requests of one size beside each other. Source: the baseline GpuClustering of the
// FGD paper (USENIX ATC 2023). It remembers which sizes each node has ever held: nothing leaves
// in the benchmark that it is here for.
import { type NodeTable, WHOLE } from "../nodes.ts";
import { type Ranker, tightest } from "../ranker.ts";
import type { KnownRequest } from "../requests.ts";

const FULL_SCORE = 25;
const REFERENCE_MILLI = 8_000;
/** What is added when a node holds this size alone, among others, or holds nothing yet. */
const ALONE = 75;
const AMONG_OTHERS = 50;
const NOTHING_YET = 25;

/** Bit of a size: shared, 1, 2, 4 and 8 accelerators. */
const sizeBit = ({ accelerators, milli }: KnownRequest): number =>
  accelerators === 1 && milli < WHOLE ? 1 : 2 ** (1 + Math.ceil(Math.log2(accelerators)));

/** Clustering; scores are points from 0 to 100. */
export function clustering(nodes: NodeTable): Ranker {
  const held = new Uint8Array(nodes.count);
  return {
    name: "clustering",
    rate: (request, node) => {
      if (request.accelerators === 0) return 0;
      const used = REFERENCE_MILLI - nodes.freeMilli(node);
      const base = Math.trunc((FULL_SCORE * used) / REFERENCE_MILLI);
      const bit = sizeBit(request);
      if (held[node] === bit) return base + ALONE;
      if ((held[node]! & bit) !== 0) return base + AMONG_OTHERS;
      return held[node] === 0 ? base + NOTHING_YET : base;
    },
    choose: (request, node) => tightest(nodes, request, node),
    placed: (request, node) => {
      if (request.accelerators > 0) held[node]! |= sizeBit(request);
    },
  };
}
