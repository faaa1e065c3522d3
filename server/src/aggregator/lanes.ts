// Where the arithmetic of a merge runs: for small models on the caller's own thread, for large
// ones on threads beside it, so that the control plane goes on answering. A task is a window of
// the vector and all that is needed for it; lanes keep nothing, so it does not matter which of
// them, or how many, do the work. What is computed is fold.ts.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { assert } from "@tequio/core/pool";
import type { OuterSettings } from "@tequio/core/training";
import { Fold, type FoldPart } from "./kernels/fold.ts";

/** Work on one window. Vectors are handed over: only what comes back may be used afterwards. */
export type FoldTask =
  | { readonly kind: "squares"; readonly message: Uint8Array }
  | { readonly kind: "candidate"; readonly part: FoldPart; readonly model: Float32Array }
  | {
      readonly kind: "merge";
      readonly parts: readonly FoldPart[];
      readonly total: number;
      readonly model: Float32Array;
      readonly momentum: Float32Array;
      readonly settings: OuterSettings;
    };

/** What comes back: sums or a flaw in words; the model, and the momentum if it was merged. */
export interface FoldAnswer {
  readonly squares?: readonly number[] | string;
  readonly model?: Float32Array;
  readonly momentum?: Float32Array;
}

export interface Lanes {
  /** Tasks that may be in work at once. */
  readonly width: number;
  run(task: FoldTask): Promise<FoldAnswer>;
  close(): Promise<void>;
}

/** Does one task; used on either side. */
export function work(fold: Fold, task: FoldTask): FoldAnswer {
  switch (task.kind) {
    case "squares":
      return { squares: fold.squares(task.message) };
    case "candidate":
      fold.candidate(task.part, task.model, task.model);
      return { model: task.model };
    case "merge":
      fold.merge(task.parts, task.total, task.model, task.momentum, task.settings);
      return { model: task.model, momentum: task.momentum };
    default:
      return task satisfies never;
  }
}

/** From so many parameters on a merge would hold the control plane's own thread for too long:
 * one contribution of this size takes about 10 ms. */
const THREADS_FROM_PARAMETERS = 4_000_000;

/** More threads than this wait for the disk. */
const THREADS_MAX = 8;

/** Lanes for a model of so many parameters. One core is left to the control plane. */
export function openLanes(parameters: number): Lanes {
  if (parameters < THREADS_FROM_PARAMETERS) return ownLane();
  return threadLanes(Math.min(THREADS_MAX, Math.max(1, availableParallelism() - 1)));
}

/** One lane on the caller's thread. */
export function ownLane(): Lanes {
  const fold = new Fold();
  return {
    width: 1,
    run: (task) => Promise.resolve(work(fold, task)),
    close: () => Promise.resolve(),
  };
}

interface Waiting {
  readonly resolve: (answer: FoldAnswer) => void;
  readonly reject: (error: Error) => void;
}

interface Lane {
  readonly worker: Worker;
  /** Answers come in the order of the tasks. */
  readonly waiting: Waiting[];
  /** Set when the thread is gone: nothing that is sent to it would come back. */
  dead: Error | undefined;
}

/** So many lanes, each a thread; a thread that dies rejects what it had to do. */
export function threadLanes(width: number): Lanes {
  const lanes = Array.from({ length: width }, startLane);
  return {
    width: width + 1, // The next window is read while the last one is worked on.
    run(task) {
      const lane = lanes.reduce((a, b) => (b.waiting.length < a.waiting.length ? b : a));
      if (lane.dead !== undefined) return Promise.reject(lane.dead);
      return new Promise((resolve, reject) => {
        lane.waiting.push({ resolve, reject });
        lane.worker.postMessage(task, buffersOf(task));
      });
    },
    async close() {
      await Promise.all(lanes.map(({ worker }) => worker.terminate()));
    },
  };
}

function startLane(): Lane {
  const worker = new Worker(new URL("./fold-thread.ts", import.meta.url), { execArgv: [] });
  const lane: Lane = { worker, waiting: [], dead: undefined };
  const fail = (error: Error): void => {
    lane.dead ??= error;
    for (const { reject } of lane.waiting.splice(0)) reject(lane.dead);
  };
  worker.on("message", (answer: FoldAnswer) => lane.waiting.shift()?.resolve(answer));
  worker.on("error", fail);
  worker.on("exit", (code) => fail(new Error(`A merge thread ended with code ${code}.`)));
  return lane;
}

/** Buffers that go over to the thread; a view of a part would take the whole vector along. */
function buffersOf(task: FoldTask): ArrayBuffer[] {
  if (task.kind === "squares") return [wholeBuffer(task.message)];
  if (task.kind === "candidate") return [wholeBuffer(task.part.message), wholeBuffer(task.model)];
  return [
    ...task.parts.map(({ message }) => wholeBuffer(message)),
    wholeBuffer(task.model),
    wholeBuffer(task.momentum),
  ];
}

function wholeBuffer(view: Uint8Array | Float32Array): ArrayBuffer {
  assert(view.byteLength === view.buffer.byteLength, "a task owns its vectors whole");
  return view.buffer as ArrayBuffer;
}
