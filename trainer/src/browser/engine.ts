// The engine of a tab: ONNX Runtime as the pool itself serves it, on WebGPU where the browser gives
// an adapter, else in WebAssembly. What it computes is graph.ts's, the same bytes as in Node.
import type * as Ort from "onnxruntime-web";
import type { Executor } from "../executor.ts";
import { wrapSession } from "../executors/session.ts";

/** Threads of a tab at most: the rest of the machine is its user's. */
const THREADS_MAX = 4;

interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean };
}
interface Host {
  readonly crossOriginIsolated?: boolean;
  readonly navigator: {
    readonly hardwareConcurrency?: number;
    readonly gpu?: { requestAdapter(): Promise<Adapter | null> };
  };
}
const host = globalThis as unknown as Host;

/** True for a graphics processor; one that is emulated is slower than WebAssembly. */
async function hasGpu(): Promise<boolean> {
  const adapter = await host.navigator.gpu?.requestAdapter().catch(() => null);
  return (
    adapter !== null &&
    adapter !== undefined &&
    adapter.isFallbackAdapter !== true &&
    adapter.info?.isFallbackAdapter !== true
  );
}

export interface BrowserExecutor extends Executor {
  /** For people: `WebGPU`, or `WebAssembly, 2 threads`. */
  readonly name: string;
}

/**
 * Loads the engine from `engineUrl`, which ends with a slash. Half of the cores compute: the person
 * goes on working at the machine. Throws when the engine does not load.
 * @param prefer this one, instead of what the browser has
 */
export async function openBrowserExecutor(
  engineUrl: string,
  prefer?: "wasm" | "webgpu",
): Promise<BrowserExecutor> {
  const provider = prefer ?? ((await hasGpu()) ? "webgpu" : "wasm");
  const file = `${engineUrl}ort.${provider}.bundle.min.mjs`;
  const ort = (await import(/* @vite-ignore */ file)) as typeof Ort;
  const cores = Math.floor((host.navigator.hardwareConcurrency ?? 2) / 2);
  // Without isolation there is no memory that threads could share.
  const threads = host.crossOriginIsolated ? Math.max(1, Math.min(THREADS_MAX, cores)) : 1;
  ort.env.wasm.wasmPaths = engineUrl;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const plural = threads === 1 ? "1 thread" : `${threads} threads`;
  return {
    kind: provider,
    name: provider === "webgpu" ? "WebGPU" : `WebAssembly, ${plural}`,
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    threads,
    async open(graph) {
      const session = await ort.InferenceSession.create(graph.bytes, {
        executionProviders: [provider],
        graphOptimizationLevel: "all",
      });
      return wrapSession(session, graph, ort.Tensor, false);
    },
  };
}
