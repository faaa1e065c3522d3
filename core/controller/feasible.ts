// Whether the pool could ever serve a job, asked at every submission. Sweeps ask for the same again
// and again, so what was accepted is remembered as long as no site has other nodes than before.
import type { JobSpec, Node, Outcome } from "../pool/index.ts";
import { ok } from "../pool/index.ts";
import { demandKey, feasibleEver, type NodeView } from "../scheduler/index.ts";
import { lentNodesOf } from "./lending.ts";
import type { State } from "./state.ts";
import { lentViews } from "./views.ts";

/** Different requests that are remembered; beyond this all are forgotten and asked again. */
const ACCEPTED_MAX = 10_000;

interface Accepted {
  /** The nodes of every site: an inventory replaces the whole list, an offer what is lent. */
  readonly nodes: readonly (readonly Node[])[];
  readonly lent: readonly (ReadonlyMap<string, Node> | undefined)[];
  readonly keys: Set<string>;
  /** The nodes as they were seen first: who asks whether a job could ever run asks neither what is
   * free nor who is away. */
  views?: readonly NodeView[];
}

/** Not part of the state: only saves asking a pure question twice. */
const remembered = new WeakMap<State, Accepted>();

/** Accepts, or refuses with IMPOSSIBLE_REQUEST, as `feasibleEver` says. */
export function feasible(state: State, spec: JobSpec): Outcome<unknown> {
  const accepted = acceptedIn(state);
  const key = demandKey(spec);
  if (accepted.keys.has(key)) return ok(undefined);
  accepted.views ??= lentViews(state, state.nowMs);
  const answer = feasibleEver(spec, accepted.views);
  if (!answer.ok) return answer;
  if (accepted.keys.size >= ACCEPTED_MAX) accepted.keys.clear();
  accepted.keys.add(key);
  return answer;
}

/** Lets the nodes go, not the answers: they are as large as the pool, and read anew when asked. */
export function forgetNodes(state: State): void {
  delete remembered.get(state)?.views;
}

function acceptedIn(state: State): Accepted {
  const known = remembered.get(state);
  if (known !== undefined && isCurrent(known, state)) return known;
  const nodes = [...state.sites.values()].map((site) => site.nodes);
  const lent = [...state.sites.values()].map((site) => lentNodesOf(state, site));
  const fresh: Accepted = { nodes, lent, keys: new Set() };
  remembered.set(state, fresh);
  return fresh;
}

function isCurrent({ nodes, lent }: Accepted, state: State): boolean {
  const { sites } = state;
  if (nodes.length !== sites.size) return false;
  let at = 0;
  for (const site of sites.values()) {
    if (site.nodes !== nodes[at] || lentNodesOf(state, site) !== lent[at]) return false;
    at += 1;
  }
  return true;
}
