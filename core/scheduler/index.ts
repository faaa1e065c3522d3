// Scheduling: pure functions from a snapshot of the pool to a plan with reasons.
export * from "./explain.ts";
export * from "./feasible/ever.ts";
export * from "./plan.ts";
export { REASONS } from "./reasons.ts";
export * from "./types.ts";
