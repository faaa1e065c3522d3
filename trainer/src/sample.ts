/**
 * Text from a model, token after token, to show people what a run has learned. The same model,
 * prompt, options and seed give the same text on the same executor.
 */
import type { Executor, GraphSession } from "./executor.ts";
import { logitsGraph } from "./graph.ts";
import type { ModelConfig } from "./layout.ts";
import { mulberry32 } from "./random.ts";
import { AS_BYTES, type Tokenizer } from "./tokenizer/tokenizer.ts";

export interface SampleOptions {
  readonly parameters: Float32Array;
  /** Text to go on from; empty starts after a line break. */
  readonly prompt: string;
  /** Bytes to add. */
  readonly bytes: number;
  readonly seed: number;
  /** How the run's text became tokens; as bytes by default. */
  readonly tokenizer?: Pick<Tokenizer, "encode" | "decode">;
  /** 0 always takes the likeliest byte; 1 (the default) draws from the model as it is. */
  readonly temperature?: number;
  /** Draws among the k likeliest bytes only; all by default. */
  readonly topK?: number;
  /** Of those, draws among the likeliest that together have this probability; all by default. */
  readonly topP?: number;
  /** Asked before each byte; true ends the text early. */
  readonly shouldStop?: () => boolean;
}

/** Longest text of one call: at 5 ms a byte this is 20 s of one core. */
const SAMPLE_BYTES_MAX = 4_096;

/**
 * Bytes as text that is safe to print: UTF-8, tabs and line breaks kept, other control
 * characters (a terminal would obey them) shown as a middle dot.
 */
export function printable(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/[^\P{C}\n\t]/gu, "·");
}

/**
 * Draws one token id.
 * @param logits one row, in any scale
 * @param uniform a number in [0, 1)
 */
export function pickToken(
  logits: Float32Array,
  uniform: number,
  temperature: number,
  topK: number,
  topP = 1,
): number {
  const order = Array.from(logits, (_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (temperature <= 0) return order[0]!;
  const likeliest = order.slice(0, Math.max(1, topK));
  const top = logits[likeliest[0]!]!;
  const all = likeliest.map((id) => Math.exp((logits[id]! - top) / temperature));
  const weights = all.slice(0, nucleusOf(all, topP));
  let rest = uniform * sumOf(weights);
  for (const [rank, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return likeliest[rank]!;
  }
  return likeliest[weights.length - 1]!;
}

const sumOf = (weights: readonly number[]): number =>
  weights.reduce((sum, weight) => sum + weight, 0);

/** How many of the weights, largest first, together have the share `topP`; at least one. */
function nucleusOf(weights: readonly number[], topP: number): number {
  if (topP >= 1) return weights.length;
  const enough = topP * sumOf(weights);
  let sum = 0;
  const last = weights.findIndex((weight) => {
    sum += weight;
    return sum >= enough;
  });
  return last < 0 ? weights.length : last + 1;
}

/** An opened logits graph for one model. */
export class Sampler {
  readonly #session: GraphSession;
  readonly #config: ModelConfig;

  private constructor(session: GraphSession, config: ModelConfig) {
    this.#session = session;
    this.#config = config;
  }

  static async open(executor: Executor, config: ModelConfig): Promise<Sampler> {
    return new Sampler(await executor.open(logitsGraph({ ...config, batch: 1 })), config);
  }

  /** The added bytes; the prompt is not repeated. Tokens above the vocabulary are dropped. */
  async sampleBytes(options: SampleOptions): Promise<Uint8Array> {
    const { context, vocab } = this.#config;
    const { encode, decode } = options.tokenizer ?? AS_BYTES;
    const prompt = encode(new TextEncoder().encode(options.prompt)).filter((id) => id < vocab);
    const tokens = prompt.length > 0 ? [...prompt] : [Math.min(10, vocab - 1)];
    const random = mulberry32(options.seed);
    const added = new Uint8Array(Math.min(options.bytes, SAMPLE_BYTES_MAX));
    const { temperature = 1, topK = vocab, topP = 1 } = options;
    let length = 0;
    while (length < added.length && !options.shouldStop?.()) {
      // Positions are learned, so a text beyond the context goes on from its last window. What
      // stands after the last token is masked away and may be anything.
      const last = tokens.slice(-context);
      const x = new Int32Array(context);
      x.set(last);
      const { logits } = await this.#session.run({ p: options.parameters, x });
      const row = logits!.subarray((last.length - 1) * vocab, last.length * vocab);
      const token = pickToken(row, random(), temperature, topK, topP);
      tokens.push(token);
      const bytes = decode([token]).subarray(0, added.length - length);
      added.set(bytes, length);
      // An id that stands for nothing adds no byte, but it counts: the text must end.
      length += Math.max(1, bytes.length);
    }
    return added.subarray(0, length);
  }

  /** The prompt and what the model adds, as printable text. */
  async sample(options: SampleOptions): Promise<string> {
    const added = await this.sampleBytes(options);
    const prompt = new TextEncoder().encode(options.prompt);
    const whole = new Uint8Array(prompt.length + added.length);
    whole.set(prompt);
    whole.set(added, prompt.length);
    return printable(whole);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
