// The aggregator's own three vectors of a run: the exact model g, the sites' copy h and the outer
// momentum. Kept in memory between rounds; after a restart read from the checkpoint, a blob of
// fp32: g, h and momentum one after another, each as long as the model.
import type { RunState } from "@tequio/core/controller";
import { assert, type Outcome, ok, refuse } from "@tequio/core/pool";
import type { BlobStore } from "@tequio/stores";
import { digestOf } from "@tequio/stores";
import { bytesOf, putVectors, readVector } from "./vectors.ts";

export interface Model {
  /** The exact model. */
  readonly exact: Float32Array;
  /** What all sites hold, bit for bit. */
  readonly sitesCopy: Float32Array;
  readonly momentum: Float32Array;
}

const PARTS = 3;

/** Models of the runs under way, by job: dropped when a run ends. */
export class Models {
  readonly #blobs: BlobStore;
  readonly #kept = new Map<string, { readonly digest: string; readonly model: Model }>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** The model with which the run's round began; it is the caller's from now on, to be changed
   * and kept again. Refuses what the store refuses, and DIGEST_MISMATCH when the checkpoint is not
   * the one of the run. */
  async take(run: RunState): Promise<Outcome<Model>> {
    const { digest, checkpointBlob, modelBlob } = run.machine.model;
    const kept = this.#kept.get(run.jobId);
    this.#kept.delete(run.jobId);
    if (kept?.digest === digest) return ok(kept.model);
    const model =
      checkpointBlob === null
        ? await this.#first(modelBlob)
        : await this.#fromCheckpoint(checkpointBlob, run.machine.config.parameters);
    if (!model.ok) return model;
    if (digestOf(bytesOf(model.value.sitesCopy)) !== digest) {
      const hint = "Stop the run; its last model is still in the store.";
      return refuse("DIGEST_MISMATCH", "The checkpoint is not that of the run.", hint);
    }
    return model;
  }

  keep(jobId: string, digest: string, model: Model): void {
    this.#kept.set(jobId, { digest, model });
  }

  drop(jobId: string): void {
    this.#kept.delete(jobId);
  }

  /** Keeps a checkpoint; gives its digest. */
  putCheckpoint({ exact, sitesCopy, momentum }: Model): Promise<Outcome<string>> {
    return putVectors(this.#blobs, [exact, sitesCopy, momentum]);
  }

  /** Before the first merge all three follow from the first model. */
  async #first(modelBlob: string): Promise<Outcome<Model>> {
    const exact = await readVector(this.#blobs, modelBlob);
    if (!exact.ok) return exact;
    const momentum = new Float32Array(exact.value.length);
    return ok({ exact: exact.value, sitesCopy: exact.value.slice(), momentum });
  }

  async #fromCheckpoint(digest: string, parameters: number): Promise<Outcome<Model>> {
    const stat = await this.#blobs.stat(digest);
    if (!stat.ok) return stat;
    assert(stat.value.size === 4 * PARTS * parameters, "a checkpoint holds three vectors");
    const vectors: Float32Array[] = [];
    for (let i = 0; i < PARTS; i += 1) {
      const values = { from: i * parameters, to: (i + 1) * parameters };
      const vector = await readVector(this.#blobs, digest, values);
      if (!vector.ok) return vector;
      vectors.push(vector.value);
    }
    return ok({ exact: vectors[0]!, sitesCopy: vectors[1]!, momentum: vectors[2]! });
  }
}
