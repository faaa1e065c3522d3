// Scheduling in rounds on accelerators of several kinds: the default policy and those that it is
// compared with.
export { LasGavel } from "./gavel.ts";
export { GuardedRounds } from "./guarded.ts";
export { type MaxMin, type MaxMinInput, maxMinShares } from "./max-min.ts";
export {
  byArrival,
  byGpuTimeLeft,
  byRelativeSpeed,
  byService,
  byStepsLeft,
  byTimeLeft,
  greedyPolicy,
} from "./orders.ts";
export { type Kinds, NO_KIND, type Round, type RoundJobs, type RoundPolicy } from "./types.ts";
