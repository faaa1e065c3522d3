// One merge, from what the round machine asks to what it is told: fetch and decode the
// contributions, weigh and step (core/training), code the step for the sites, keep the blobs.
// Changes no state: what comes out is an input for the pump.
import type { RunInput, RunState } from "@tequio/core/controller";
import { type Outcome, ok, type Refusal, type RunSpec, refuse } from "@tequio/core/pool";
import {
  type AggregateEntry,
  type AggregateResult,
  aggregate,
  type ClosingEntry,
  decode,
  downlinkStep,
  type RoundClosing,
} from "@tequio/core/training";
import type { BlobStore } from "@tequio/stores";
import type { TrainerPort } from "../ports.ts";
import type { Model, Models } from "./models.ts";
import { putVectors, readBlob } from "./vectors.ts";

export interface MergeTools {
  readonly blobs: BlobStore;
  readonly models: Models;
  readonly trainer: TrainerPort;
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
  const loaded = await tools.models.load(run);
  if (!loaded.ok) return loaded;
  const entries: AggregateEntry[] = [];
  for (const entry of closing.contributions) entries.push(await readEntry(tools.blobs, entry));
  const before = loaded.value;
  const result = await weigh(tools.trainer, spec, closing, before, entries);
  const step = downlinkStep(closing.codecDown, result.model, before.sitesCopy);
  const model: Model = {
    exact: result.model,
    sitesCopy: step.sitesCopy,
    momentum: result.momentum,
  };
  const loss = measureLoss ? tools.trainer.heldOutLoss(spec, model.sitesCopy) : null;
  return publish(tools, closing, model, step.bytes, result, loss);
}

/** A contribution's delta, or why it cannot be read: that is the site's fault, not the merge's. */
async function readEntry(blobs: BlobStore, entry: ClosingEntry): Promise<AggregateEntry> {
  const { contributionId, siteId, weight } = entry;
  const base = { contributionId, siteId, weight };
  const bytes = await readBlob(blobs, entry.blob, entry.bytes);
  if (!bytes.ok) return { ...base, delta: bytes };
  const delta = decode(bytes.value);
  return { ...base, delta: delta.ok ? delta.value : delta };
}

/** Drives the arithmetic of core/training, which asks for losses and is given them. */
async function weigh(
  trainer: TrainerPort,
  spec: RunSpec,
  closing: RoundClosing,
  { exact, momentum }: Model,
  entries: readonly AggregateEntry[],
): Promise<AggregateResult> {
  const work = aggregate({
    state: { model: exact, momentum },
    settings: closing.outer,
    entries,
    thresholdNats: closing.thresholdNats,
  });
  let asked = work.next();
  while (asked.done !== true) {
    asked = work.next(await trainer.gateLoss(spec, closing.round, asked.value));
  }
  return asked.value;
}

/** Keeps the step, the sites' copy and the checkpoint, before anybody is told of them. */
async function publish(
  tools: MergeTools,
  closing: RoundClosing,
  model: Model,
  step: Uint8Array,
  { rows }: AggregateResult,
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
