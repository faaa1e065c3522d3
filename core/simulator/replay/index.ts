// Replays of public traces: owners that pool their clusters, and rounds on several kinds.
export { replayEqualShare } from "./equal-share.ts";
export { replayEstimated, type TimedJob, type ToldStart } from "./estimated.ts";
export { type KindTrace, kindTrace } from "./kinds-jobs.ts";
export { type EasyOrder, replayEasy } from "./owners-easy.ts";
export {
  compareOwners,
  type Fairness,
  jobsOf,
  type OwnerNeed,
  ownerNeeds,
  reportWaits,
  type WaitReport,
} from "./owners-report.ts";
export { type OwnersPolicy, replayShared, type SharedReplay } from "./owners-shared.ts";
export { type RoundsOptions, type RoundsReplay, replayRounds } from "./rounds.ts";
export { type RoundsReport, reportRounds } from "./rounds-report.ts";
