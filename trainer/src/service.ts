// The control plane's own arithmetic: the first model of a run, losses for gate and report, text
// samples. It works in a thread of its own, because one graph run holds its thread for up to half
// a second and the control plane must go on answering.
import { Worker } from "node:worker_threads";
import type { Outcome as PoolOutcome, RunSpec } from "@tequio/core/pool";
import { refuse } from "@tequio/core/pool";
import type { Answer, Prepared, Question } from "./service-thread.ts";

/** Predictions behind a reported held-out loss. */
export const REPORT_TOKENS = 4_096;

export interface SampleWish {
  readonly prompt: string;
  readonly bytes: number;
  readonly temperature: number;
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
  close(): Promise<void>;
}

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
    async close() {
      await thread.terminate();
    },
  };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
