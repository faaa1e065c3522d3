// The site's copy of the model h: kept equal, bit for bit, to the aggregator's copy, by coded
// steps from round to round or by the whole model, and checked by digest either way.
import type { AssignmentView } from "@tequio/contract";
import { applyDownlink } from "@tequio/core/training";
import { type BlobClient, Gone } from "./blob-client.ts";
import { floatBytes, floatsOf } from "./moments.ts";

export class ModelCopy {
  readonly #blobs: BlobClient;
  #held: { readonly round: number; readonly digest: string; readonly h: Float32Array } | undefined;
  /** Bytes fetched since the last call of `takeBytes`. */
  #bytes = 0;

  constructor(blobs: BlobClient) {
    this.#blobs = blobs;
  }

  /** Round of the copy that is held. */
  get round(): number | undefined {
    return this.#held?.round;
  }

  /** Bytes fetched since the last call. */
  takeBytes(): number {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes;
  }

  /** The model that the assignment names; throws when the pool does not have it. */
  async fetch(assignment: AssignmentView): Promise<Float32Array> {
    const { modelDigest: digest, modelBlob, round } = assignment;
    if (digest === undefined || modelBlob === undefined || round === undefined) {
      throw new Error("An assignment to train names its model.");
    }
    if (this.#held?.digest === digest) {
      this.#held = { round, digest, h: this.#held.h };
      return this.#held.h;
    }
    // Both ways check the digest: hashing takes a slow site long enough to do it only once.
    const h = (await this.#stepped(assignment)) ?? (await this.#whole(modelBlob));
    if (modelBlob !== digest && (await this.#blobs.digestOf(floatBytes(h))) !== digest) {
      throw new Error(`The model of round ${round} does not have the digest ${digest}.`);
    }
    this.#held = { round, digest, h };
    return h;
  }

  async #whole(blob: string): Promise<Float32Array> {
    const bytes = await this.#blobs.get(blob);
    this.#bytes += bytes.length;
    return floatsOf(bytes);
  }

  /** The held copy moved on by the coded steps; undefined when that does not lead there. */
  async #stepped({ steps, modelDigest }: AssignmentView): Promise<Float32Array | undefined> {
    if (this.#held === undefined || steps === undefined || steps.length === 0) return undefined;
    let h = this.#held.h;
    for (const step of steps) {
      const bytes = await this.#blobs.get(step.digest).catch(unlessGone);
      if (bytes === undefined) return undefined;
      this.#bytes += bytes.length;
      const next = applyDownlink(h, bytes);
      if (!next.ok) return undefined;
      h = next.value;
    }
    return (await this.#blobs.digestOf(floatBytes(h))) === modelDigest ? h : undefined;
  }
}

/** A step that the pool no longer has: the whole model may be there still. */
function unlessGone(error: unknown): undefined {
  if (!(error instanceof Gone)) throw error;
}
