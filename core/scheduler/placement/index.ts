// Placement of single requests on nodes in flat arrays: tables, policies and the placer.
export { Mix } from "./mix.ts";
export { type NodeShape, NodeTable, WHOLE } from "./nodes.ts";
export type { Place } from "./placer.ts";
export { knowsMix, PLACEMENT_POLICIES, type PlacementPolicy, placerOf } from "./policies.ts";
export { fits, type KnownRequest, type Request, RequestTable } from "./requests.ts";
