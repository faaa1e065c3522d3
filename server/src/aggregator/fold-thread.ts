// The thread of one lane: takes windows of a merge and gives them back done. It keeps nothing
// between them. Starting and stopping it is lanes.ts.
import { parentPort } from "node:worker_threads";
import { Fold } from "./kernels/fold.ts";
import { type FoldTask, work } from "./lanes.ts";

const fold = new Fold();

parentPort?.on("message", (task: FoldTask) => {
  const answer = work(fold, task);
  const vectors = [answer.model, answer.momentum].filter((vector) => vector !== undefined);
  const buffers = vectors.map((vector) => vector.buffer as ArrayBuffer);
  parentPort?.postMessage(answer, buffers);
});
