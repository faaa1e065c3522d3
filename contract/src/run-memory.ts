// What memory a site needs to train a model of the embedded family: the request of a run that
// names none. Sites with less are not chosen, and say so. What a site really uses is the agent's
// to watch.
import type { ModelShape } from "@tequio/core/pool";

const FLOAT_BYTES = 4;
const MIB_BYTES = 2 ** 20;
/** Requests come in steps that people can read. */
const STEP_MIB = 256;

/** The program, the text and its tokens. */
const PROGRAM_MIB = 340;

/**
 * Vectors as long as the model: p, m, v and g, m and v before the stretch, the pool's model, the
 * difference and what coding lost of it, the one that is sent, the graph's own two, and the
 * directions of Muon.
 */
const VECTORS = 13;

/** Values that the backward half needs of a token in a layer, in widths: 11 narrow, 4 wide ones. */
const WIDTHS_PER_LAYER = 27;
/** Attention keeps its weights, and has their gradient for a while. */
const ATTENTION_COPIES = 2;
/** Logits, their logarithms and their gradient. */
const LOGIT_COPIES = 3;

/**
 * ONNX Runtime takes memory in doubling pieces. Peaks measured over this estimate, less 135 MiB for
 * Node: 1.64 (0.8 M parameters, batch 64), 1.35 (10 M, 16), 1.36 (8,192 ids, 16).
 */
const ARENA_FACTOR = 1.65;

/** A site's batch follows its speed; one that is twice as fast as planned for must still fit. */
const BATCH_FACTOR = 2;

/**
 * MiB for one site of a run, in steps of 256.
 * @param run `referenceBatch` is the batch of a site of average speed
 */
export function runMemoryMiB(run: {
  readonly model: ModelShape;
  readonly referenceBatch: number;
  readonly maxBatch: number;
}): number {
  const { vocab, context, width, layers, heads } = run.model;
  const parameters =
    (vocab + context) * width + layers * (12 * width * width + 4 * width) + 2 * width;
  const perLayer = WIDTHS_PER_LAYER * width + ATTENTION_COPIES * heads * context;
  const perToken = layers * perLayer + LOGIT_COPIES * vocab;
  const tokens = Math.min(run.maxBatch, BATCH_FACTOR * run.referenceBatch) * context;
  const bytes = FLOAT_BYTES * (VECTORS * parameters + tokens * perToken);
  const needed = PROGRAM_MIB + (ARENA_FACTOR * bytes) / MIB_BYTES;
  return STEP_MIB * Math.ceil(needed / STEP_MIB);
}
