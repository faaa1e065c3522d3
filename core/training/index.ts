/**
 * Training across unequal sites, pure: codecs, outer optimiser, clip and gate, sizes of
 * stretches, data assignment, and the round machine that ties them together.
 */
export {
  type AggregateEntry,
  type AggregateInput,
  type AggregateResult,
  type AggregateRow,
  aggregate,
  byContributionId,
  candidate,
  type Judgement,
  judge,
  sizeFlaw,
} from "./aggregate.ts";
export {
  newPool,
  returnWindows,
  sameRanges,
  splitRanges,
  takeWindows,
  type WindowPool,
  type WindowRange,
  windowCount,
  windowsOf,
} from "./assignment.ts";
export {
  addSquares,
  clipFactors,
  lowerMedian,
  NORM_SEGMENT,
  norm,
  normOfSquares,
} from "./clip.ts";
export * from "./codec/index.ts";
export { type Reason, TRAINING_CODES, type TrainingCode } from "./codes.ts";
export {
  applyDownlink,
  type DownlinkStep,
  difference,
  downlinkInPlace,
  downlinkStep,
} from "./downlink.ts";
export {
  type ForecastPart,
  type ForecastRules,
  type ForecastSite,
  forecastRound,
  joinMs,
  paceOfSites,
  type RoundForecast,
} from "./forecast.ts";
export { GATE_THRESHOLD_NATS, gatePasses, gateSteps } from "./gate.ts";
export { ROUND_LIMITS } from "./limits.ts";
export {
  type InnerOptimiser,
  type OuterSettings,
  type OuterState,
  outerSettings,
  outerStep,
  outerStepInPlace,
  PLAIN_STEP,
  type WeightedDelta,
  weightedMean,
} from "./outer.ts";
export { permute, WINDOWS_MAX } from "./permutation.ts";
export { apply } from "./round/apply.ts";
export { type Explanation, explain } from "./round/explain.ts";
export { pendingAggregation } from "./round/merge.ts";
export type {
  Aggregated,
  MergedRow,
  Offered,
  RoundClosing,
  RoundMerged,
  RoundOpened,
  RunEvent,
  RunInput,
  SittingOut,
} from "./round/messages.ts";
export { nextWakeMs, quorumOf } from "./round/settle.ts";
export {
  type Assignment,
  assignmentOf,
  type ClosingEntry,
  type Contribution,
  contributionId,
  type FinishReason,
  type ModelRow,
  type Phase,
  type RunConfig,
  type RunState,
  type SiteState,
  type SiteTotals,
  siteOf,
} from "./round/state.ts";
export { createRun, decide, decisions, step } from "./round.ts";
export {
  forecastRun,
  modelParameters,
  type RunForecast,
  type RunRules,
  TRAINER_BATCHES,
} from "./run-forecast.ts";
export {
  chooseInnerSteps,
  codecForLink,
  INNER_STEPS_MAX,
  JOINER_RAMP_STEPS,
  learningRate,
  type Progress,
  progressShare,
  type RateSettings,
  type StopRule,
  stepRate,
} from "./schedule.ts";
export {
  FINISH_TOLERANCE,
  planStretch,
  type SizingRules,
  type SizingSite,
  type Stretch,
  targetRoundMs,
} from "./sizing.ts";
export {
  linkMs,
  observeStep,
  observeTransfer,
  type SpeedModel,
  speedFromHint,
  speedFromStep,
  stepMs,
  tokensPerSecond,
} from "./speed.ts";
export { gainShares } from "./trust/gain.ts";
export {
  changeOfStanding,
  noteGain,
  noteVerdict,
  type Standing,
} from "./trust/standing.ts";
