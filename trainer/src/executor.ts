/**
 * The port to whatever does the arithmetic: opens graphs and runs them on plain typed arrays.
 * Implementations lie in executors/; which one a machine gets is decided here.
 */
import type { Graph } from "./onnx.ts";
import { type Outcome, ok, refuse } from "./outcome.ts";

export type ExecutorKind = "native" | "wasm";

export type Feeds = Readonly<Record<string, Float32Array | Int32Array>>;
export type Floats = Readonly<Record<string, Float32Array>>;

/**
 * One opened graph. One run at a time. A run holds the calling thread until it is done (0.01 to
 * 0.5 s for small models), so timers and sockets get their turn between two runs only.
 */
export interface GraphSession {
  /**
   * Runs the graph. All inputs must be given, in the length that the graph declares.
   * @param spare arrays that the executor may fill instead of making new ones. It need not: go on
   *   with the arrays of the answer, and with nothing else.
   */
  run(feeds: Feeds, spare?: Floats): Promise<Floats>;
  release(): Promise<void>;
}

export interface Executor {
  /** WebGPU is opened by browser/engine.ts only: no choice of this machine's. */
  readonly kind: ExecutorKind | "webgpu";
  /** Name and version of the engine, for reports. */
  readonly version: string;
  /** Threads that one run really uses; may be fewer than asked for. */
  readonly threads: number;
  open(graph: Graph): Promise<GraphSession>;
}

export interface ExecutorOptions {
  /** Without it: native where it loads, else wasm. With it: that one or a refusal. */
  readonly prefer?: ExecutorKind;
  /** CPU cores that were granted; never use more (two spinning threads on one core are slower). */
  readonly threads: number;
  /**
   * Native only: numbers below 1.2e-38 count as zero, which is 4 to 9 % faster, and more once
   * attention is peaked. The first graph of the process decides, for good, and the JavaScript of
   * the calling thread changes with it (Number.MIN_VALUE becomes 0). So it is for processes that
   * do nothing but train. Off by default.
   */
  readonly flushTiny?: boolean;
}

/** What `openExecutor` found, and why the faster one is missing when it is. */
export interface OpenedExecutor {
  readonly executor: Executor;
  /** Undefined when native runs or wasm was asked for. */
  readonly fallbackReason: string | undefined;
}

/** How each kind is loaded; a loader that throws is a kind that this machine does not have. */
export type Loaders = Readonly<
  Record<ExecutorKind, (options: ExecutorOptions) => Promise<Executor>>
>;

/** Loaded only when wanted: native is an optional dependency and may not be installed. */
const LOADERS: Loaders = {
  native: async ({ threads, flushTiny = false }) =>
    (await import("./executors/native.ts")).openNative(threads, flushTiny),
  wasm: async ({ threads }) => (await import("./executors/wasm.ts")).openWasm(threads),
};

/**
 * Opens the executor of this machine. Refuses (EXECUTOR_UNAVAILABLE) when the preferred one, or
 * without a preference either of them, does not load.
 */
export async function openExecutor(
  options: ExecutorOptions,
  loaders: Loaders = LOADERS,
): Promise<Outcome<OpenedExecutor>> {
  const kinds: readonly ExecutorKind[] = options.prefer ? [options.prefer] : ["native", "wasm"];
  const reasons: string[] = [];
  for (const kind of kinds) {
    try {
      const executor = await loaders[kind](options);
      return ok({ executor, fallbackReason: reasons.length > 0 ? reasons.join("; ") : undefined });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      reasons.push(`${kind}: ${reason.split("\n")[0]}`);
    }
  }
  const message = `No engine for training loads: ${reasons.join("; ")}`;
  const hint = "Install again with optional dependencies, or leave the choice to the program.";
  return refuse("EXECUTOR_UNAVAILABLE", message, hint);
}
