/**
 * The held-out loss of a model: always the same windows of one part, chosen by a seed. The gate
 * uses it to judge contributions and the run to report its quality. It decides nothing itself.
 */

import type { Executor, GraphSession } from "./executor.ts";
import { lossGraph } from "./graph.ts";
import type { ModelConfig } from "./layout.ts";
import { assert, type Outcome, ok, refuse } from "./outcome.ts";
import { coresOf } from "./sessions.ts";
import { type Batch, fillBatch, type Part, windowOrder } from "./windows.ts";

export interface EvaluatorOptions {
  readonly executor: Executor;
  readonly config: ModelConfig;
  /** Gate or report; never the part that is trained on. */
  readonly part: Part;
  /** Which windows; the same seed gives the same windows at every site. */
  readonly seed: number;
  /** Windows evaluated together. */
  readonly batch: number;
  /** Batches in all: batch x batches x context predictions. */
  readonly batches: number;
}

/** Forward passes over fixed, distinct windows. */
export class Evaluator {
  /** Predictions behind each loss. */
  readonly tokens: number;
  readonly #session: GraphSession;
  readonly #batches: readonly Batch[];

  private constructor(session: GraphSession, batches: readonly Batch[]) {
    this.#session = session;
    this.#batches = batches;
    this.tokens = batches.reduce((sum, { x }) => sum + x.length, 0);
  }

  /** Opens the graph and picks the windows; refuses (CORPUS_INVALID) when there are too few. */
  static async open(options: EvaluatorOptions): Promise<Outcome<Evaluator>> {
    const { executor, config, part, batch, batches } = options;
    const order = windowOrder(part, config.context, options.seed);
    if (order.length < batch * batches) {
      return refuse(
        "CORPUS_INVALID",
        `Part ${part.name} has ${order.length} windows, not ${batch * batches}.`,
        "Give a longer text or evaluate fewer windows.",
      );
    }
    const chosen = Array.from({ length: batches }, (_, index) =>
      fillBatch(part, order.subarray(index * batch, (index + 1) * batch), config.context),
    );
    const session = await executor.open(lossGraph({ ...config, batch, ...coresOf(executor) }));
    return ok(new Evaluator(session, chosen));
  }

  /** Mean loss in nats per token. Not finite for a broken model: the caller must refuse it. */
  async loss(parameters: Float32Array): Promise<number> {
    assert(this.#batches.length > 0, "an evaluator has a batch");
    let sum = 0;
    for (const { x, y } of this.#batches) {
      const { loss } = await this.#session.run({ p: parameters, x, y });
      sum += loss![0]!;
    }
    return sum / this.#batches.length;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
