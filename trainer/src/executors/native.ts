/**
 * Executor on onnxruntime-node: CPU kernels of the machine's own instruction set. An optional
 * dependency: importing this file fails where it is not installed, which executor.ts expects.
 */
import { env, InferenceSession, Tensor } from "onnxruntime-node";
import type { Executor } from "../executor.ts";
import { wrapSession } from "./session.ts";

/**
 * Session options for the granted cores. Numbers below 1.2e-38 (of masked scores, of old moments)
 * take the processor's slow path: a step of the reference model is 4 to 9 % faster when they count
 * as zero, and one whose attention weights are that small 4 times.
 */
function optionsFor(threads: number, flushTiny: boolean): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Threads that spin while they wait steal the core of the other jobs on a shared node.
    // Measured with 2 threads and 5 ms pauses: half the CPU time for 1.15 times the wall-clock.
    extra: {
      session: {
        intra_op: { allow_spinning: "0" },
        set_denormal_as_zero: flushTiny ? "1" : "0",
      },
    },
    logSeverityLevel: 3,
  };
}

/**
 * An executor whose sessions compute on `threads` cores each. `flushTiny` takes numbers below
 * 1.2e-38 for zero.
 */
export function openNative(threads: number, flushTiny: boolean): Executor {
  return {
    kind: "native",
    version: `onnxruntime-node ${env.versions.node ?? env.versions.common}`,
    threads,
    async open(graph) {
      const session = await InferenceSession.create(graph.bytes, optionsFor(threads, flushTiny));
      return wrapSession(session, graph, Tensor, true);
    },
  };
}
