/**
 * The embedded trainer: a GPT as ONNX graphs, executors that run them, the text, stretches of
 * training, evaluation and sampling. The process that talks to the pool is built on top of it.
 */
export { BETA1, BETA2, EPSILON, stepScalars, WEIGHT_DECAY } from "./adamw.ts";
export * from "./corpus.ts";
export * from "./evaluate.ts";
export * from "./executor.ts";
export { type GraphShape, gradientGraph, logitsGraph, lossGraph, trainingGraph } from "./graph.ts";
export * from "./layout.ts";
export type { Graph, TensorSpec } from "./onnx.ts";
export * from "./random.ts";
export * from "./sample.ts";
export {
  openTrainerService,
  REPORT_TOKENS,
  type SampleWish,
  type TrainerService,
} from "./service.ts";
export { BATCH_SIZES, batchSizeFor } from "./sessions.ts";
export { decodeMoments, encodeMoments } from "./site/moments.ts";
export * from "./stretch.ts";
export * from "./windows.ts";
