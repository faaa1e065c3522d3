// What the control plane needs from outside, apart from its store: the trainer that makes and
// judges models, and somebody who listens to what it has to say. The composition root hands them
// in; this package names no concrete one.
import type { SampleRequest } from "@tequio/contract";
import type { Outcome, RunSpec } from "@tequio/core/pool";

/** The first model of a run, and what is known of its text. */
export interface PreparedRun {
  readonly parameters: Float32Array;
  /** Windows of the training text. */
  readonly windows: number;
  /** Batches that sites may use. */
  readonly batchSizes: readonly number[];
  /** Loss of the first model on held-out text, nats. */
  readonly heldOutLoss: number;
}

type SampleWish = ReturnType<(typeof SampleRequest)["parse"]>;

/** Everything about a run that needs tensors. Answers later: the work is done in another thread. */
export interface TrainerPort {
  /** Makes the first model. Refuses, e.g. when the text is missing. */
  prepare(run: RunSpec): Promise<Outcome<PreparedRun>>;
  /** Loss in nats on the text of the gate; the parameters may change after the answer only. */
  gateLoss(run: RunSpec, round: number, parameters: Float32Array): Promise<number>;
  /** Loss in nats on the reported text. */
  heldOutLoss(run: RunSpec, parameters: Float32Array): Promise<number>;
  /** Text from a model. */
  sample(run: RunSpec, parameters: Float32Array, request: SampleWish): Promise<string>;
  close(): Promise<void>;
}

/** Takes a line for the operator. */
export type Say = (
  level: "info" | "warn" | "error",
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;
