// The engine of a tab: ONNX Runtime as the pool itself serves it, on WebGPU where the browser gives
// an adapter, else in WebAssembly. What it computes is graph.ts's, the same bytes as in Node.
import type * as Ort from "onnxruntime-web";
import type { Executor } from "../executor.ts";
import { wrapSession } from "../executors/session.ts";

/** What an engine needs, by its provider. */
const FILES = {
  wasm: ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"],
  webgpu: ["ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"],
} as const;

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

export interface BrowserEngineOptions {
  /** Where the pool serves the engine; ends with a slash. */
  readonly engineUrl: string;
  /** As many as the person at the machine allowed. */
  readonly threads: number;
  /** Called with the files before they are loaded, e.g. to fetch them slowly. */
  readonly onFiles: (names: readonly string[]) => Promise<void>;
}

/** Loads the engine. Throws when it does not load. */
export async function openBrowserExecutor(options: BrowserEngineOptions): Promise<BrowserExecutor> {
  const { engineUrl, onFiles } = options;
  const provider = (await hasGpu()) ? "webgpu" : "wasm";
  await onFiles(FILES[provider]);
  const file = `${engineUrl}${FILES[provider][0]}`;
  const ort = (await import(/* @vite-ignore */ file)) as typeof Ort;
  // Without isolation there is no memory that threads could share.
  const threads = host.crossOriginIsolated ? options.threads : 1;
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
