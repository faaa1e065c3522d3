/**
 * Executor on onnxruntime-node: CPU kernels of the machine's own instruction set. An optional
 * dependency: importing this file fails where it is not installed, which executor.ts expects.
 */
import { env, InferenceSession, Tensor } from "onnxruntime-node";
import type { Executor } from "../executor.ts";
import { wrapSession } from "./session.ts";

/** Session options for the granted cores. */
function optionsFor(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Threads that spin while they wait steal the core of the other jobs on a shared node.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
    logSeverityLevel: 3,
  };
}

export function openNative(threads: number): Executor {
  return {
    kind: "native",
    version: `onnxruntime-node ${env.versions.node ?? env.versions.common}`,
    threads,
    async open(graph) {
      const session = await InferenceSession.create(graph.bytes, optionsFor(threads));
      return wrapSession(session, graph, Tensor, true);
    },
  };
}
