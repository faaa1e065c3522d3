/**
 * A small cache of opened graphs. A graph is bound to its batch size, and opening one costs
 * 0.05 s natively and 0.6 to 1 s in WASM, so a site that changes its batch keeps the last few.
 */
import type { Executor, GraphSession } from "./executor.ts";
import type { GraphShape } from "./forward.ts";
import type { ModelConfig } from "./layout.ts";
import type { Graph } from "./onnx.ts";
import { assert } from "./outcome.ts";

/**
 * Batch sizes that sites use: a ladder of at most 50 % a step, so that a site's speed is met
 * closely and yet only few graphs are ever opened.
 */
export const BATCH_SIZES = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128] as const;

/** Graphs kept open for one use; each holds the buffers of its activations. */
const SESSIONS_MAX = 4;

/** The largest size on the ladder that is not above `wanted`, and at least 1. */
export function batchSizeFor(wanted: number): number {
  return BATCH_SIZES.findLast((size) => size <= wanted) ?? BATCH_SIZES[0];
}

/** The cores that share an executor's work, for the shape of its graphs. */
export const coresOf = ({ kind, threads }: Executor): { readonly cores?: number } =>
  kind === "webgpu" ? {} : { cores: threads };

/** Opened graphs of one kind and model by batch size; the one unused longest is closed first. */
export class SessionCache {
  readonly #executor: Executor;
  readonly #build: (batch: number) => Graph;
  readonly #open = new Map<number, Promise<GraphSession>>();

  constructor(executor: Executor, config: ModelConfig, build: (shape: GraphShape) => Graph) {
    this.#executor = executor;
    this.#build = (batch) => build({ ...config, batch, ...coresOf(executor) });
  }

  /** The session for this batch; opened on first use. */
  async get(batch: number): Promise<GraphSession> {
    assert(Number.isSafeInteger(batch) && batch >= 1, "a batch holds at least one window");
    const session = this.#open.get(batch) ?? this.#openNew(batch);
    // Set again in any case: a Map keeps the order of insertion, so the oldest stands first.
    this.#open.delete(batch);
    this.#open.set(batch, session);
    if (this.#open.size > SESSIONS_MAX) {
      const oldest = [...this.#open.keys()][0]!;
      const closing = this.#open.get(oldest)!;
      this.#open.delete(oldest);
      await (await closing).release();
    }
    return session;
  }

  #openNew(batch: number): Promise<GraphSession> {
    const session = this.#executor.open(this.#build(batch));
    // A graph that did not open (out of memory) may open later: failures are not kept.
    session.catch(() => this.#open.delete(batch));
    return session;
  }

  /** Closes all. The cache can be used again afterwards. */
  async release(): Promise<void> {
    const sessions = [...this.#open.values()];
    this.#open.clear();
    for (const session of sessions) await (await session).release();
  }
}
