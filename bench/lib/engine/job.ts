// What both sides of bench/engine.ts are told, and what they answer. Who wins is decided there.
import type { ExecutorKind, ModelConfig } from "@tequio/trainer";

/** One case, as a JSON file. */
export interface EngineJob {
  readonly model: ModelConfig;
  readonly batch: number;
  readonly rate: number;
  readonly threads: number;
  readonly engine: ExecutorKind;
  /** Path of the text, read as bytes. */
  readonly text: string;
  /** Path of the start: the flat vector as little-endian float32. */
  readonly start: string;
}

/** Steps that were asked for together: wall-clock and processor time in milliseconds, losses. */
export interface Steps {
  readonly ms: readonly number[];
  readonly cpu: readonly number[];
  readonly loss: readonly number[];
}
