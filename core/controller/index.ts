// The controller: `step` decides, `apply` folds, `ordersOf` says what each site should do.
export { apply } from "./apply.ts";
export { dependencyState } from "./dependencies.ts";
export * from "./event.ts";
export {
  type ArchivedJob,
  archivedJob,
  closable,
  KEEP_DEFAULT,
  type KeepPolicy,
  type Leaving,
  leaving,
  leavingBy,
  unsettled,
} from "./history.ts";
export * from "./input.ts";
export { lendingOf, lentNodesOf, offerOf, projectLine, windowsOf } from "./lending.ts";
export { memberOfSecret } from "./members.ts";
export { MILESTONES_MAX } from "./milestones.ts";
export * from "./orders.ts";
export { projectViews } from "./project-views.ts";
export {
  compareJobs,
  endedJobs,
  placeOf,
  waitingByProject,
} from "./queue-index.ts";
export { isKeptHere, overlapsOf, reservationText } from "./reserved.ts";
export * from "./rights.ts";
export {
  type PlanChoice,
  type PlanSite,
  planRun,
  type RunPlan,
} from "./run-plan.ts";
export { refuseRevoked } from "./site-keys.ts";
export { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
export { linkOf, siteChoices, speedHint } from "./span.ts";
export * from "./state.ts";
export { SIGNED_EVENTS, type StepResult, step } from "./step.ts";
export { taskSpec } from "./task-spec.ts";
export { arrayLimitReason, lentViews, nodeViews, queueViews, schedulerInput } from "./views.ts";
