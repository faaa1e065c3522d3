// The first model of a forked run: the one of another run, read from the store and measured.
import { type Outcome, ok, type RunOrigin, type RunSpec, refuse } from "@tequio/core/pool";
import { type BlobStore, digestOf } from "@tequio/stores";
import type { PreparedRun, TrainerPort } from "../ports.ts";
import { readModel } from "../run-models.ts";
import { bytesOf } from "./vectors.ts";

export type FirstModel = Pick<PreparedRun, "parameters" | "heldOutLoss">;

const VALUE_BYTES = 4;

/**
 * The model that a run begins with: as it was prepared, or that of the run it was forked from.
 * Refuses NOT_FOUND when that one is gone, DIGEST_MISMATCH when it is another.
 */
export async function startOfFork(
  blobs: BlobStore,
  trainer: TrainerPort,
  spec: RunSpec,
  prepared: FirstModel,
): Promise<Outcome<FirstModel>> {
  const { from } = spec;
  if (from === undefined) return ok(prepared);
  const read = await readModel(blobs, placeOf(from, prepared), prepared.parameters.length);
  if (!read.ok) {
    const message = `The model of run ${from.runId} after round ${from.round} is gone.`;
    return refuse("NOT_FOUND", message, "Fork a newer one.");
  }
  const parameters = read.value;
  if (digestOf(bytesOf(parameters)) !== from.digest) {
    const message = `The stored model of run ${from.runId} is not that of round ${from.round}.`;
    return refuse("DIGEST_MISMATCH", message, "Fork another round.");
  }
  const heldOutLoss =
    spec.own === undefined ? await trainer.heldOutLoss(spec, parameters) : Number.NaN;
  return ok({ parameters, heldOutLoss });
}

/** In a checkpoint the sites' copy, which the digest is of, comes after the exact model. */
function placeOf({ modelBlob, checkpointBlob }: RunOrigin, { parameters }: FirstModel) {
  return modelBlob !== null
    ? { blob: modelBlob, at: 0 }
    : { blob: checkpointBlob!, at: VALUE_BYTES * parameters.length };
}
