// One merge, from what the round machine asks to what it is told: weigh and step (weigh.ts), code
// the step for the sites, keep the blobs.
// Changes no state: what comes out is an input for the pump.
import { setImmediate as immediate } from "node:timers/promises";
import type { RunInput, RunState } from "@tequio/core/controller";
import { type Outcome, ok, type Refusal, type RunSpec, refuse } from "@tequio/core/pool";
import { type AggregateRow, downlinkInPlace, type RoundClosing } from "@tequio/core/training";
import type { BlobStore } from "@tequio/stores";
import type { TrainerPort } from "../ports.ts";
import { type Lanes, openLanes } from "./lanes.ts";
import type { Model, Models } from "./models.ts";
import { putVectors } from "./vectors.ts";
import { weigh } from "./weigh.ts";

export interface MergeTools {
  readonly blobs: BlobStore;
  readonly models: Models;
  readonly trainer: TrainerPort;
  /** Where the arithmetic runs; absent: as the size of the model asks for. */
  readonly lanesFor?: (parameters: number) => Lanes;
}

export type Merged = Extract<RunInput, { type: "round.aggregated" }>;

/** What a merge gives: the input for the pump, and the model that is true once it was taken. */
export interface MergeResult {
  readonly input: Merged;
  readonly model: Model;
}

/** Merges the contributions of a round. Refuses what stands in the way, e.g. STORE_FULL. Without
 * `measureLoss` the round has no held-out loss and its sites go on sooner. */
export async function merge(
  tools: MergeTools,
  run: RunState,
  spec: RunSpec,
  closing: RoundClosing,
  measureLoss = true,
): Promise<Outcome<MergeResult>> {
  // From here on the vectors are changed in place: after a failure they are read again.
  const taken = await tools.models.take(run);
  if (!taken.ok) return taken;
  const model = taken.value;
  const lanes = (tools.lanesFor ?? openLanes)(model.exact.length);
  try {
    const rows = await weigh({ ...tools, lanes }, spec, closing, model);
    const step = await codeStep(closing, model);
    const loss = measureLoss ? tools.trainer.heldOutLoss(spec, model.sitesCopy) : null;
    return await publish(tools, closing, model, step, rows, loss);
  } finally {
    await lanes.close();
  }
}

/** Codes the step for the sites and takes it; others get their turn between its windows. */
async function codeStep(
  { codecDown }: RoundClosing,
  { exact, sitesCopy }: Model,
): Promise<Uint8Array> {
  const work = downlinkInPlace(codecDown, exact, sitesCopy);
  let done = work.next();
  while (done.done !== true) {
    await immediate();
    done = work.next();
  }
  return done.value;
}

/** Keeps the step, the sites' copy and the checkpoint, before anybody is told of them. */
async function publish(
  tools: MergeTools,
  closing: RoundClosing,
  model: Model,
  step: Uint8Array,
  rows: readonly AggregateRow[],
  measured: Promise<number> | null,
): Promise<Outcome<MergeResult>> {
  const [stepPut, modelBlob, checkpointBlob, loss] = await Promise.all([
    tools.blobs.put(step),
    putVectors(tools.blobs, [model.sitesCopy]),
    tools.models.putCheckpoint(model),
    measured,
  ]);
  if (!stepPut.ok) return stepPut;
  if (!modelBlob.ok) return modelBlob;
  if (!checkpointBlob.ok) return checkpointBlob;
  const input: Merged = {
    type: "round.aggregated",
    round: closing.round,
    // The blob is the model's very bytes.
    modelDigest: modelBlob.value,
    modelBlob: modelBlob.value,
    stepBlob: stepPut.value.digest,
    checkpointBlob: checkpointBlob.value,
    heldOutLoss: loss !== null && Number.isFinite(loss) ? loss : null,
    bytesDown: step.length,
    rows,
  };
  return ok({ input, model });
}

/** A thrown error as a refusal: the run pauses with the reason, the control plane goes on. */
export const failure = (error: unknown): Refusal =>
  refuse(
    "INTERNAL",
    error instanceof Error ? error.message : String(error),
    "Look at the pool's log, then resume the run.",
  );
