// Which models of a run can be had, and where their bytes lie: the newest one, and the milestones
// that are kept of earlier rounds. Reading them is left to the caller.
import type { RunState } from "@tequio/core/controller";
import { assert, type Outcome, ok, type RunOrigin, type RunSpec, refuse } from "@tequio/core/pool";
import type { BlobStore } from "@tequio/stores";

const VALUE_BYTES = 4;

export interface RunModel {
  /** The round after which it was published. */
  readonly round: number;
  /** Digest of its values. */
  readonly digest: string;
  readonly blob: string;
  /** Where in the blob its values begin, in bytes. */
  readonly at: number;
  readonly checkpointBlob: string | null;
  readonly momentsBlob: string | null;
  readonly heldOutLoss: number | null;
}

/** The round of the newest model; 0 when there is only the first one. */
export const newestRound = ({ rounds }: RunState): number => rounds.at(-1)?.round ?? 0;

/** The rounds whose models can be had, the newest first. */
export function roundsOf(run: RunState): readonly number[] {
  const earlier = (run.milestones ?? []).map(({ round }) => round);
  return [...new Set([...earlier, newestRound(run)])].sort((a, b) => b - a);
}

/** A model of the run; `round` absent: the newest. Refuses NOT_FOUND for a round not kept. */
export function modelOf(run: RunState, round: number = newestRound(run)): Outcome<RunModel> {
  const { model, config } = run.machine;
  if (round === newestRound(run)) {
    const { digest, modelBlob: blob, checkpointBlob, momentsBlob } = model;
    const heldOutLoss = run.rounds.at(-1)?.heldOutLoss ?? null;
    return ok({ round, digest, blob, at: 0, checkpointBlob, momentsBlob, heldOutLoss });
  }
  const kept = run.milestones?.find((one) => one.round === round);
  if (kept === undefined) {
    const rounds = roundsOf(run).join(", ");
    const hint = `Of earlier rounds a few models are kept; there are: ${rounds}.`;
    return refuse("NOT_FOUND", `Run ${run.jobId} has no model of round ${round}.`, hint, "round");
  }
  const { digest, checkpointBlob, heldOutLoss } = kept;
  // A checkpoint holds the exact model, then the sites' copy, which is the one that has the digest.
  const at = VALUE_BYTES * config.parameters;
  const blob = checkpointBlob;
  return ok({ ...{ round, digest, blob, at, checkpointBlob }, momentsBlob: null, heldOutLoss });
}

/** What a fork begins with. */
export function originOf(run: RunState, spec: RunSpec, model: RunModel): RunOrigin {
  const { round, digest, checkpointBlob, momentsBlob } = model;
  const before = spec.from === undefined ? [] : [ancestorOf(spec.from), ...spec.from.before];
  const modelBlob = checkpointBlob === null ? model.blob : null;
  return { ...{ runId: run.jobId, round, digest, checkpointBlob, modelBlob, momentsBlob }, before };
}

const ancestorOf = ({ runId, round, digest }: RunOrigin) => ({ runId, round, digest });

/** Parts of the model's vector as they are read; `offset` and `size` count values. */
export async function* valuesOf(
  blobs: BlobStore,
  { blob, at }: Pick<RunModel, "blob" | "at">,
  { offset, size }: { readonly offset: number; readonly size: number },
): AsyncGenerator<Uint8Array> {
  const start = at + VALUE_BYTES * offset;
  const opened = await blobs.open(blob, { start, end: start + VALUE_BYTES * size });
  if (!opened.ok) throw new Error(opened.message);
  yield* opened.value.chunks;
}

/** The whole vector. Refuses NOT_FOUND when the blob is gone. */
export async function readModel(
  blobs: BlobStore,
  model: Pick<RunModel, "blob" | "at">,
  parameters: number,
): Promise<Outcome<Float32Array>> {
  const { blob, at } = model;
  const bytes = new Uint8Array(VALUE_BYTES * parameters);
  const opened = await blobs.open(blob, { start: at, end: at + bytes.length });
  if (!opened.ok) return opened;
  let filled = 0;
  for await (const chunk of opened.value.chunks) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  assert(filled === bytes.length, "a model's blob holds all of its values");
  return ok(new Float32Array(bytes.buffer));
}
