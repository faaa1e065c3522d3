/**
 * The model as one flat vector: which parameter lies where, how many there are, how they start.
 * Checkpoint, delta, codec and digest are all one typed array because of this order. The
 * arithmetic on it is in the graph files.
 */
import { type Outcome, ok, refuse } from "./outcome.ts";
import { mulberry32, normal } from "./random.ts";

/** A decoder of the GPT family; learned positions, MLP of 4 x width, head tied to embedding. */
export interface ModelConfig {
  /** Token ids are 0..vocab-1; 256 for text as bytes. */
  readonly vocab: number;
  /** Tokens that one window holds. */
  readonly context: number;
  /** Numbers that stand for one token between the layers. */
  readonly width: number;
  readonly layers: number;
  /** Divides the width. */
  readonly heads: number;
}

/** How a parameter starts: normal with START_SIGMA, all ones, or all zeros. */
export type StartKind = "normal" | "ones" | "zeros";

/** One parameter's place in the flat vector. */
export interface LayoutEntry {
  /** For example `embedding` or `layers.0.qkv`. */
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly shape: readonly number[];
  readonly start: StartKind;
}

/** Token ids of a text are kept in 16 bits. */
export const VOCAB_MAX = 65_536;

/** 2^28 floats are 1 GiB for each of p, m and v; more is a case for an outside process. */
export const PARAMETERS_MAX = 2 ** 28;

/** Standard deviation of every matrix at the start, whatever the depth (GPT-2's value). */
export const START_SIGMA = 0.02;

const refuseConfig = (message: string): Outcome<never> =>
  refuse("INVALID_REQUEST", message, "Choose a smaller or rounder model.");

/** Refuses (INVALID_REQUEST) a model that the graphs cannot be built for. */
export function checkConfig(config: ModelConfig): Outcome<ModelConfig> {
  for (const [name, value] of Object.entries(config)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      return refuseConfig(`${name} must be a whole number of at least 1`);
    }
  }
  if (config.width % config.heads !== 0) {
    return refuseConfig(`width ${config.width} is not divisible by ${config.heads} heads`);
  }
  if (config.vocab > VOCAB_MAX) {
    return refuseConfig(`vocab ${config.vocab} is above ${VOCAB_MAX}`);
  }
  const count = parameterCount(config);
  if (count > PARAMETERS_MAX) {
    return refuseConfig(`${count} parameters are above ${PARAMETERS_MAX}`);
  }
  return ok(config);
}

/** Number of parameters N: V d + T d + layers (12 d^2 + 4 d) + 2 d. */
export function parameterCount(config: ModelConfig): number {
  const { vocab, context, width, layers } = config;
  return (vocab + context) * width + layers * (12 * width * width + 4 * width) + 2 * width;
}

/** Every parameter with its place, in the order of the flat vector. */
export function layoutOf(config: ModelConfig): readonly LayoutEntry[] {
  const { vocab, context, width } = config;
  const entries: LayoutEntry[] = [];
  let offset = 0;
  const add = (name: string, shape: readonly number[], start: StartKind): void => {
    const size = shape.reduce((product, length) => product * length, 1);
    entries.push({ name, offset, size, shape, start });
    offset += size;
  };
  add("embedding", [vocab, width], "normal");
  add("positions", [context, width], "normal");
  for (let layer = 0; layer < config.layers; layer += 1) {
    const at = `layers.${layer}`;
    add(`${at}.gain1`, [width], "ones");
    add(`${at}.bias1`, [width], "zeros");
    add(`${at}.qkv`, [width, 3 * width], "normal");
    add(`${at}.out`, [width, width], "normal");
    add(`${at}.gain2`, [width], "ones");
    add(`${at}.bias2`, [width], "zeros");
    add(`${at}.mlpIn`, [width, 4 * width], "normal");
    add(`${at}.mlpOut`, [4 * width, width], "normal");
  }
  add("finalGain", [width], "ones");
  add("finalBias", [width], "zeros");
  return entries;
}

/**
 * The start of training. Matrices are drawn in the order of the layout from one stream of
 * mulberry32; gains are 1 and biases 0 without a draw.
 */
export function initialParameters(config: ModelConfig, seed: number): Float32Array {
  const parameters = new Float32Array(parameterCount(config));
  const random = mulberry32(seed);
  for (const { offset, size, start } of layoutOf(config)) {
    if (start === "ones") parameters.fill(1, offset, offset + size);
    if (start !== "normal") continue;
    for (let index = offset; index < offset + size; index += 1) {
      parameters[index] = START_SIGMA * normal(random);
    }
  }
  return parameters;
}
