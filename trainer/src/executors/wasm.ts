/**
 * Executor on onnxruntime-web: WebAssembly with SIMD and threads, in Node and in browsers. About
 * three times slower than native, and present everywhere.
 */
import * as ort from "onnxruntime-web";
import type { Executor } from "../executor.ts";
import { wrapSession } from "./session.ts";

/** The engine starts once for a process; its number of threads is fixed then. */
let threadsOfProcess: number | undefined;

/**
 * Node sometimes leaves big WASM functions in V8's baseline tier, which is 2.7 times slower.
 * Compiling them fully at once must be asked for before the module is compiled.
 */
function askForOptimisedCode(): void {
  if (typeof process === "undefined" || process.versions?.node === undefined) return;
  process.getBuiltinModule?.("node:v8").setFlagsFromString("--no-wasm-dynamic-tiering");
}

/**
 * An executor on `threads` threads, or on as many as the first one of this process asked for:
 * `threads` of the answer tells.
 */
export function openWasm(threads: number): Executor {
  if (threadsOfProcess === undefined) {
    threadsOfProcess = threads;
    askForOptimisedCode();
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = "error";
  }
  return {
    kind: "wasm",
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    threads: threadsOfProcess,
    async open(graph) {
      const session = await ort.InferenceSession.create(graph.bytes, {
        executionProviders: ["wasm"],
        interOpNumThreads: 1,
        executionMode: "sequential",
        graphOptimizationLevel: "all",
      });
      return wrapSession(session, graph, ort.Tensor, false);
    },
  };
}
