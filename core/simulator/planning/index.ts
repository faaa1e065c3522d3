// Planning: traces, clusters, policies and what-ifs, and the report on them.
export {
  acceleratorAt,
  type Cluster,
  type ClusterMember,
  clusterSlots,
  memberSlots,
  nodeSlots,
  nodesOf,
  ownersCluster,
  processorsCluster,
  type Unit,
} from "./cluster.ts";
export { type FlowRow, flowReport } from "./flow-report.ts";
export { type GenerateSpec, generateWorkload, ownerNames, parseGenerate } from "./generate.ts";
export {
  onlyFitting,
  type PerNode,
  type PlanJob,
  phillyWorkload,
  type SwfOwner,
  swfWorkload,
  type Workload,
} from "./jobs.ts";
export { JournalFold, type JournalTrace } from "./journal.ts";
export { findModel, type KnownModel } from "./models.ts";
export { drawArrivals, placementReport } from "./placement.ts";
export type { BarPlot, LinePlot, Plot, Point, Report, ReportTable } from "./report.ts";
export { ROUNDS_POLICIES, type RoundsPolicyName, roundsReport, scaleKinds } from "./rounds.ts";
export {
  baseline,
  FLOW_POLICIES,
  FLOW_POLICY_MEANS,
  type FlowPolicy,
  fitter,
  playAlone,
  playScenario,
  type Scenario,
  scenarioOf,
  spanOf,
  type WhatIf,
} from "./scenario.ts";
