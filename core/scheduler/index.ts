// Scheduling: pure functions from a snapshot of the pool to a plan with reasons.
export { demandKey } from "./demand.ts";
export { learnRun, type RunHistory } from "./estimates/history.ts";
export { type Explanation, explain } from "./explain.ts";
export { feasibleEver } from "./feasible/ever.ts";
export * from "./placement/index.ts";
export { blockedReasons, plan, requestKey } from "./plan.ts";
export { PlacementMemory } from "./rank/memory.ts";
export { REASONS } from "./reasons.ts";
export * from "./rounds/index.ts";
export * from "./shares/index.ts";
export type * from "./types.ts";
