// The control plane's own arithmetic: the first model of a run, losses for gate and report, text
// samples. It works in a thread of its own, because one graph run holds its thread for up to half
// a second and the control plane must go on answering.
import { Worker } from "node:worker_threads";
import type { Outcome as PoolOutcome, RunSpec } from "@tequio/core/pool";
import { refuse } from "@tequio/core/pool";
import type { ExportFormat } from "./export.ts";
import type { FilePiece } from "./onnx.ts";
import type { Answer, Prepared, Question } from "./service-thread.ts";
import { openTextService, type TextService } from "./serving/service.ts";

/** Predictions behind a reported held-out loss. */
export const REPORT_TOKENS = 4_096;

export interface SampleWish {
  readonly prompt: string;
  readonly bytes: number;
  readonly temperature: number;
  /** Draws among the likeliest tokens that together have this probability; absent: all. */
  readonly topP?: number;
  readonly seed: number;
}

export interface TrainerService {
  /** First model, size of the text and loss before training; refuses an unusable text or shape. */
  prepare(run: RunSpec): Promise<PoolOutcome<Prepared>>;
  /** Loss (nats per token) on the gate part; the windows change every few rounds. */
  gateLoss(run: RunSpec, round: number, parameters: Float32Array): Promise<number>;
  /** Loss (nats per token) on the report part; always the same windows. */
  heldOutLoss(run: RunSpec, parameters: Float32Array): Promise<number>;
  sample(run: RunSpec, parameters: Float32Array, wish: SampleWish): Promise<string>;
  /** The pieces of a model's file; offsets and sizes count values of the model's vector. */
  exportPieces(
    run: RunSpec,
    format: ExportFormat,
    notes: Readonly<Record<string, string>>,
  ): Promise<readonly FilePiece[]>;
  /** A text in the run's tokens. */
  encode(run: RunSpec, text: string): Promise<readonly number[]>;
  /** The bytes of every token of the run. */
  vocabulary(run: RunSpec): Promise<readonly Uint8Array[]>;
  /** The text that sites train on, in the run's tokens. */
  trainText(run: RunSpec): Promise<Uint8Array | Uint16Array>;
  /** The tokens that a model adds to a prompt, as they come. */
  generate: TextService["generate"];
  close(): Promise<void>;
}

const BYTES: readonly Uint8Array[] = Array.from({ length: 256 }, (_, id) => Uint8Array.of(id));
const inBytes = ({ tokenizer = "bytes" }: RunSpec): boolean => tokenizer === "bytes";

interface Pending {
  readonly resolve: (value: Answer["value"]) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the thread. `threads` is for the arithmetic itself. */
export function openTrainerService(options: { readonly threads: number }): TrainerService {
  const thread = new Worker(new URL("./service-thread.ts", import.meta.url), {
    workerData: options,
    execArgv: [],
  });
  const texts = openTextService(options);
  const pending = new Map<number, Pending>();
  let next = 1;
  let dead: Error | undefined;
  thread.on("message", (answer: Answer) => {
    const waiting = pending.get(answer.id);
    pending.delete(answer.id);
    if (pending.size === 0) thread.unref();
    if (answer.error === undefined) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(answer.error));
  });
  const fail = (error: Error): void => {
    dead = error;
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  };
  thread.on("error", fail);
  thread.on("exit", (code) => fail(new Error(`The trainer's thread ended with code ${code}.`)));
  // It keeps the process alive only while somebody waits for an answer.
  thread.unref();

  function ask(question: Question): Promise<Answer["value"]> {
    if (dead !== undefined) return Promise.reject(dead);
    const id = next;
    next += 1;
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
      thread.ref();
      thread.postMessage({ id, question });
    });
  }

  return {
    async prepare(run) {
      try {
        return (await ask({ kind: "prepare", run })) as PoolOutcome<Prepared>;
      } catch (error) {
        return refuse(
          "INTERNAL",
          `The first model could not be made: ${messageOf(error)}`,
          "Run `tequio doctor` on the machine of the control plane.",
        );
      }
    },
    gateLoss: async (run, round, parameters) =>
      (await ask({ kind: "gateLoss", run, round, parameters })) as number,
    heldOutLoss: async (run, parameters) =>
      (await ask({ kind: "heldOutLoss", run, parameters })) as number,
    sample: async (run, parameters, wish) =>
      (await ask({ kind: "sample", run, parameters, wish })) as string,
    ...files(ask),
    generate: texts.generate,
    async close() {
      await texts.close();
      await thread.terminate();
    },
  };
}

/** What a run's model and tokens are to others. */
const files = (
  ask: (question: Question) => Promise<Answer["value"]>,
): Pick<TrainerService, "exportPieces" | "encode" | "vocabulary" | "trainText"> => ({
  trainText: async (run) => (await ask({ kind: "trainText", run })) as Uint8Array | Uint16Array,
  async exportPieces({ model }, format, notes) {
    // Graphs are built for exports only: a pool that makes none does not load the builder.
    return (await import("./export.ts")).exportPieces(model, format, notes);
  },
  // Bytes need nobody to be asked: the thread may be in the middle of a merge.
  encode: async (run, text) =>
    inBytes(run)
      ? [...new TextEncoder().encode(text)]
      : ((await ask({ kind: "encode", run, text })) as readonly number[]),
  vocabulary: async (run) =>
    inBytes(run) ? BYTES : ((await ask({ kind: "vocabulary", run })) as readonly Uint8Array[]),
});

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
