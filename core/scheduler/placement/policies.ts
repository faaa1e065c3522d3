// The policies by name, each with what it knows beforehand.
import { GroupPlacer } from "./group-placer.ts";
import type { Mix } from "./mix.ts";
import type { NodeTable } from "./nodes.ts";
import { type Place, Placer } from "./placer.ts";
import { bestFit } from "./rankers/best-fit.ts";
import { clustering } from "./rankers/clustering.ts";
import { dotProduct } from "./rankers/dot-product.ts";
import { fgd } from "./rankers/fgd.ts";
import { packing } from "./rankers/packing.ts";
import { random } from "./rankers/random.ts";
import { SaturationRanker } from "./rankers/saturation.ts";
import type { KnownRequest, RequestTable } from "./requests.ts";

export interface PolicyInput {
  readonly nodes: NodeTable;
  readonly requests: RequestTable;
  /** Empty for those who learn; with all that will come for those who know it beforehand. */
  readonly mix: Mix;
  readonly seed: number;
}

/** Places requests one at a time; see placer.ts and group-placer.ts. */
export interface AnyPlacer {
  readonly place: (request: KnownRequest) => Place | undefined;
  readonly release: (request: KnownRequest, place: Place) => void;
  /** Takes a place that has room, whoever chose it. */
  readonly take: (request: KnownRequest, place: Place) => void;
  /** Tells that a node's free parts were changed by others, by a move. */
  readonly changed: (node: number) => void;
}

/** Makes a placer; `knows`: it is given the whole mix beforehand. */
interface Policy {
  readonly knows: boolean;
  readonly placer: (input: PolicyInput) => AnyPlacer;
}

const POLICIES = {
  saturation: {
    knows: false,
    placer: (input) =>
      new GroupPlacer(input.nodes, new SaturationRanker({ ...input, known: false })),
  },
  "saturation-known": {
    knows: true,
    placer: (input) =>
      new GroupPlacer(input.nodes, new SaturationRanker({ ...input, known: true })),
  },
  fgd: { knows: false, placer: ({ nodes, mix }) => new Placer(nodes, fgd(nodes, mix, false)) },
  "fgd-known": {
    knows: true,
    placer: ({ nodes, mix }) => new Placer(nodes, fgd(nodes, mix, true)),
  },
  "best-fit": { knows: false, placer: ({ nodes }) => new Placer(nodes, bestFit(nodes)) },
  "dot-product": { knows: false, placer: ({ nodes }) => new Placer(nodes, dotProduct(nodes)) },
  packing: { knows: false, placer: ({ nodes }) => new Placer(nodes, packing(nodes)) },
  clustering: { knows: false, placer: ({ nodes }) => new Placer(nodes, clustering(nodes)) },
  random: { knows: false, placer: ({ nodes, seed }) => new Placer(nodes, random(nodes, seed)) },
} as const satisfies Record<string, Policy>;

export type PlacementPolicy = keyof typeof POLICIES;

/** Names of all policies; the first is the default. */
export const PLACEMENT_POLICIES = Object.keys(POLICIES) as readonly PlacementPolicy[];

/** Whether a policy is to be given the mix beforehand. */
export const knowsMix = (policy: PlacementPolicy): boolean => POLICIES[policy].knows;

/** Makes the placer of a policy. */
export const placerOf = (policy: PlacementPolicy, input: PolicyInput): AnyPlacer =>
  POLICIES[policy].placer(input);
