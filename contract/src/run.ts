// The spanning run: as people watch it, and as the training worker of a site talks about it.
import { z } from "zod";
import { ModelWire } from "./job.ts";
import { Count, Digest, EpochMs } from "./primitives.ts";
import { ReplicaView } from "./replica.ts";

/** Places `from` to `to` (not included) of one pass over the permuted windows of the text. */
export const DataRange = z.strictObject({ pass: Count, from: Count, to: Count });

/** What a site does next in a run. The worker asks for it and waits for a change. */
export const AssignmentView = z.strictObject({
  /** `stop`: the run is over for this site; `wait`: ask again. */
  state: z.enum(["train", "wait", "stop"]),
  reason: z.string(),
  /** Grows when the assignment changes: the worker waits for a higher one. */
  version: Count,
  round: Count.optional(),
  model: ModelWire.optional(),
  /** Values of the model. */
  parameters: Count.optional(),
  /** The model is the command's own; while all its values are zero it has not begun. */
  own: z.strictObject({ layout: Digest.optional() }).optional(),
  corpus: z.string().optional(),
  /** `bpe-N`: ids of byte pairs, trained on the corpus's train part. Absent: its bytes. */
  tokenizer: z.string().optional(),
  seed: Count.optional(),
  /** Digest of the sites' copy of the model: little-endian fp32 bytes. */
  modelDigest: Digest.optional(),
  /** Blob of the whole model, fp32, for a site that has no earlier one. */
  modelBlob: Digest.optional(),
  modelBytes: Count.optional(),
  /** Coded steps from earlier rounds to this one, oldest first. */
  steps: z.array(z.strictObject({ round: Count, digest: Digest, bytes: Count })).optional(),
  /** Optimiser state (m, v, t) of another site for one that starts without its own. */
  momentsBlob: Digest.optional(),
  innerSteps: Count.optional(),
  /** Of the embedded trainer. Absent: adamw. */
  optimiser: z.enum(["muon", "adamw"]).optional(),
  batch: Count.optional(),
  learningRateStart: z.number().optional(),
  learningRateEnd: z.number().optional(),
  /** The highest rate of the run, for a site that scales rates of its own. */
  learningRatePeak: z.number().optional(),
  ranges: z.array(DataRange).optional(),
  /** Windows of the training text that the ranges permute. */
  windows: Count.optional(),
  /** Steps of a linear ramp of the learning rate, for a site without moments; 0: none. */
  rampSteps: Count.optional(),
  /** From this answer on, until the site stops and sends what it has. */
  timeLeftMs: z.number().optional(),
  codec: z.string().optional(),
  /** The site should also put its optimiser state as a blob with this contribution. */
  wantsMoments: z.boolean().optional(),
});
export type AssignmentView = z.infer<typeof AssignmentView>;

export const ContributionRequest = z.strictObject({
  round: Count,
  modelDigest: Digest,
  blob: Digest,
  bytes: Count,
  codec: z.string().max(32),
  tokens: Count,
  innerSteps: Count,
  batch: Count,
  computeMs: z.number().nonnegative(),
  transferMs: z.number().nonnegative(),
  bytesDown: Count,
  meanLoss: z.number(),
  ranges: z.array(DataRange).max(64),
  momentsBlob: Digest.optional(),
});
export type ContributionRequest = z.infer<typeof ContributionRequest>;
export const ContributionView = z.strictObject({
  accepted: z.boolean(),
  code: z.string().optional(),
  reason: z.string(),
});

export const RoundRow = z.strictObject({
  member: z.string(),
  tokens: Count,
  batch: Count,
  innerSteps: Count,
  computeMs: z.number(),
  transferMs: z.number(),
  bytesUp: Count,
  bytesDown: Count,
  weight: z.number(),
  norm: z.number(),
  /** `merged`, or why it was not. */
  verdict: z.string(),
});
export const RoundView = z.strictObject({
  round: Count,
  phase: z.enum(["warm-up", "pooled"]),
  openedAtMs: EpochMs,
  mergedAtMs: EpochMs,
  /** Nats per token; absent where it was not measured: not every round waits for it. */
  heldOutLoss: z.number().optional(),
  rows: z.array(RoundRow),
});
export type RoundView = z.infer<typeof RoundView>;

export const RunMemberView = z.strictObject({
  member: z.string(),
  siteId: z.string(),
  state: z.enum(["training", "waiting", "away", "quarantined", "left"]),
  tokens: Count,
  tokensPerSecond: z.number(),
  rounds: Count,
  bytesUp: Count,
  bytesDown: Count,
  computeMs: z.number(),
  deviceMs: Count,
  batch: Count,
  /** Contributions that did not count, by the code of the reason; absent: none. */
  refused: z.record(z.string(), Count).optional(),
});
export type RunMemberView = z.infer<typeof RunMemberView>;

export const RunView = z.strictObject({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  state: z.enum(["queued", "warm-up", "training", "waiting", "paused", "ended"]),
  outcome: z.string().optional(),
  reason: z.string(),
  parameters: Count,
  model: ModelWire,
  startedAtMs: EpochMs.optional(),
  endedAtMs: EpochMs.optional(),
  round: Count,
  tokens: Count,
  /** 0 to 1 by the stop rule that is nearest. */
  progress: z.number(),
  endEstimateMs: EpochMs.optional(),
  lossBefore: z.number().optional(),
  lossNow: z.number().optional(),
  bytesUp: Count,
  bytesDown: Count,
  checkpoint: Digest.optional(),
  members: z.array(RunMemberView),
});
export type RunView = z.infer<typeof RunView>;
/** A site that takes part in a run, or has room and does not, and why. */
export const SiteChoiceView = z.strictObject({
  siteId: z.string(),
  member: z.string(),
  taken: z.boolean(),
  text: z.string(),
});
export type SiteChoiceView = z.infer<typeof SiteChoiceView>;

export const RunDetail = RunView.extend({
  rounds: z.array(RoundView),
  sites: z.array(SiteChoiceView),
  /** Tasks that write texts with its models; absent: none. */
  replicas: z.array(ReplicaView).optional(),
});
export type RunDetail = z.infer<typeof RunDetail>;

export const SampleRequest = z.strictObject({
  prompt: z.string().max(2_000).default("The "),
  bytes: z.number().int().min(1).max(2_000).default(300),
  temperature: z.number().min(0).max(2).default(0.8),
  topP: z.number().min(0).max(1).default(1),
  seed: Count.default(1),
});
export const SampleView = z.strictObject({ text: z.string(), round: Count });
