// The simulator: the controller that production runs, in worlds with virtual time and with faults
// drawn from a seed.
export { type Chance, chanceOf } from "./chance.ts";
export {
  type FaultOptions,
  type FaultReport,
  SWEEP_EVERY,
  simulateCrashes,
  simulateFaults,
} from "./faults.ts";
export * from "./planning/index.ts";
export * from "./replay/index.ts";
export * from "./replay/openb.ts";
export * from "./traces/index.ts";
export * from "./traces/openb.ts";
