/**
 * Text from models, token after token, for several requests at a time: each gets its turn after
 * every token, so a short text does not wait for a long one. Where the models come from and who
 * asks is left to the thread and to the replica worker.
 */
import type { ModelShape } from "@tequio/core/pool";
import type { Executor, GraphSession } from "../executor.ts";
import { logitsGraph } from "../graph.ts";
import type { ModelConfig } from "../layout.ts";
import { mulberry32 } from "../random.ts";
import { drawToken } from "./draw.ts";

/** Opened graphs; a pool that serves runs of more shapes opens the oldest again. */
const SHAPES_MAX = 4;

/** A line break: what a text begins after that has no prompt. */
const START_TOKEN = 10;

export interface TextWish {
  /** Token ids; those above the vocabulary are left out. */
  readonly prompt: readonly number[];
  /** Tokens that stand already, written elsewhere from this very wish: the text goes on. */
  readonly written?: readonly number[];
  /** Tokens of the whole text, those that stand among them. */
  readonly tokens: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

interface Opened {
  readonly session: GraphSession;
  /** The run that goes on: a graph does one at a time. */
  last: Promise<unknown>;
}

export class Generator {
  readonly #executor: Executor;
  readonly #opened = new Map<string, Promise<Opened>>();

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * The tokens that the model adds, one after another. The same model, wish and engine give the
   * same tokens, whatever else is asked for meanwhile.
   */
  async *generate(
    shape: ModelShape,
    parameters: Float32Array,
    wish: TextWish,
  ): AsyncGenerator<number, undefined> {
    const { context, vocab } = shape;
    const opened = await this.#open(shape);
    const random = mulberry32(wish.seed);
    const tokens = wish.prompt.filter((token) => token < vocab).slice(-context);
    if (tokens.length === 0) tokens.push(Math.min(START_TOKEN, vocab - 1));
    const { written = [] } = wish;
    tokens.push(...written);
    tokens.splice(0, Math.max(0, tokens.length - context));
    for (const _ of written) random(); // Each of them took one number.
    for (let count = written.length; count < wish.tokens; count += 1) {
      // Positions are learned, so a text beyond the context goes on from its last window. What
      // stands after the last token is masked away and may be anything.
      const x = new Int32Array(context);
      x.set(tokens);
      const run = opened.last.then(() => opened.session.run({ p: parameters, x }));
      opened.last = run.catch(() => undefined);
      const logits = (await run).logits!;
      const row = logits.subarray((tokens.length - 1) * vocab, tokens.length * vocab);
      const token = drawToken(row, random(), wish.temperature, wish.topP);
      tokens.push(token);
      if (tokens.length > context) tokens.shift();
      yield token;
    }
    return undefined;
  }

  #open(shape: ModelShape): Promise<Opened> {
    const { vocab, context, width, layers, heads } = shape;
    const key = [vocab, context, width, layers, heads].join("x");
    const known = this.#opened.get(key) ?? this.#openNew({ vocab, context, width, layers, heads });
    known.catch(() => this.#opened.delete(key));
    // Set again in any case: a Map keeps the order of insertion, so the oldest stands first.
    this.#opened.delete(key);
    this.#opened.set(key, known);
    if (this.#opened.size > SHAPES_MAX) {
      const [oldest, closing] = this.#opened.entries().next().value!;
      this.#opened.delete(oldest);
      void closing.then(({ last, session }) => last.then(() => session.release()));
    }
    return known;
  }

  async #openNew(config: ModelConfig): Promise<Opened> {
    const session = await this.#executor.open(logitsGraph({ ...config, batch: 1 }));
    return { session, last: Promise.resolve() };
  }
}
