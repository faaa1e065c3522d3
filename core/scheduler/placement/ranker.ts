// What a policy of placement must say: how good a node is for a request, and which of its
// accelerators a shared one should go to. placer.ts does the rest.
import type { NodeTable } from "./nodes.ts";
import type { KnownRequest } from "./requests.ts";

export interface Ranker {
  readonly name: string;
  /** One more arrival, placed or not. True: scores given before are void. */
  readonly arrive?: (request: KnownRequest) => boolean;
  /** Score of a node on which the request fits; the highest wins. */
  readonly rate: (request: KnownRequest, node: number) => number;
  /** The accelerator for a shared request, on the node that won. */
  readonly choose: (request: KnownRequest, node: number) => number;
  /** The node was taken. `nodes` holds the state before. */
  readonly placed?: (request: KnownRequest, node: number) => void;
  /** What a decision costs beyond the node's own score; subtracted from it. */
  readonly price?: (request: KnownRequest) => Price | undefined;
  /** Scores change with every decision, as those of chance do. */
  readonly volatile?: boolean;
}

/** Prices of one decision. */
export interface Price {
  /** By kind of node. */
  readonly kinds: Float64Array;
  /** Of one node, beyond its kind's; absent: nothing. */
  readonly node?: (node: number) => number;
}

/** The fullest accelerator that has room: what most policies take for a shared request. */
export function tightest(nodes: NodeTable, request: KnownRequest, node: number): number {
  const from = node * nodes.stride;
  let best = -1;
  for (let at = 0; at < nodes.accelerators(node); at += 1) {
    const free = nodes.free[from + at]!;
    if (free >= request.milli && (best < 0 || free < nodes.free[from + best]!)) best = at;
  }
  return best;
}
