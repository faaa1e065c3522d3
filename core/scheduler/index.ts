// Scheduling: pure functions from a snapshot of the pool to a plan with reasons.
export { demandKey } from "./demand.ts";
export { type Explanation, explain } from "./explain.ts";
export { feasibleEver } from "./feasible/ever.ts";
export { plan, requestKey } from "./plan.ts";
export { REASONS } from "./reasons.ts";
export type * from "./types.ts";
