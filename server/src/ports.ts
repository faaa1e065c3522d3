// What the control plane needs from outside, apart from its store: the trainer that makes and
// judges models, and somebody who listens to what it has to say. The composition root hands them
// in; this package names no concrete one.
import type { ExportFormat, SampleRequest } from "@tequio/contract";
import type { ModelShape, Outcome, RunSpec } from "@tequio/core/pool";

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
  /** A model's file in pieces: bytes, or a part of the model's vector, counted in values. */
  exportPieces(
    run: RunSpec,
    format: ExportFormat,
    notes: Readonly<Record<string, string>>,
  ): Promise<readonly (Uint8Array | VectorPart)[]>;
  /** A text in the run's tokens. */
  encode(run: RunSpec, text: string): Promise<readonly number[]>;
  /** The bytes of every token of the run. */
  vocabulary(run: RunSpec): Promise<readonly Uint8Array[]>;
  /** The text that sites train on, in the run's tokens. */
  trainText(run: RunSpec): Promise<Uint8Array | Uint16Array>;
  /** The tokens that a model adds to a prompt, as they come; ends early when the signal aborts. */
  generate(request: TextRequest, signal: AbortSignal): AsyncGenerator<number, undefined>;
  close(): Promise<void>;
}

/** A part of a model's vector, counted in values. */
export interface VectorPart {
  readonly offset: number;
  readonly size: number;
}

/** A text that somebody wants of a model. */
export interface TextRequest {
  readonly shape: ModelShape;
  /** Digest of the model: who writes keeps the last few. */
  readonly digest: string;
  /** The model's values, if they are not kept. */
  readonly parameters: () => Promise<Float32Array>;
  readonly wish: TextWish;
}

export interface TextWish {
  /** Token ids. */
  readonly prompt: readonly number[];
  /** Tokens that stand already, written elsewhere from this very wish: the text goes on. */
  readonly written?: readonly number[];
  /** Tokens of the whole text, those that stand among them. */
  readonly tokens: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
  /** Draws among the likeliest tokens that together have this probability. */
  readonly topP: number;
  readonly seed: number;
}

/** Takes a line for the operator. */
export type Say = (
  level: "info" | "warn" | "error",
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;
