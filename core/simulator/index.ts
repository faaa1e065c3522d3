// The simulator: the controller that production runs, in worlds with virtual time and seeded faults.
export { type Chance, chanceOf } from "./chance.ts";
export {
  type FaultOptions,
  type FaultReport,
  SWEEP_EVERY,
  simulateCrashes,
  simulateFaults,
} from "./faults.ts";
