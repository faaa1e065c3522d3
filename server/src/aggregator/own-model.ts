// The start of a run whose model only its command knows: so many zeros, which stand for "not
// begun". The one site of the warm-up trains from its script's own start and sends all of its
// model, exactly, as the difference to zero; from then on the run is like any other, but for the
// loss gate.
import type { JobState } from "@tequio/core/controller";
import { type Outcome, type OwnModel, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { PreparedRun, VectorPart } from "../ports.ts";

/** Every batch up to here; above, eighths of a power of two, so that a batch fits its site. */
const EVERY_BATCH_MAX = 16;
/** The largest batch that a job file may ask for. */
const BATCH_MAX = 4_096;

/** What a run needs to begin. There is no loss: the pool cannot evaluate such a model. */
export async function prepareOwn(own: OwnModel): Promise<Outcome<PreparedRun>> {
  return ok({
    parameters: new Float32Array(own.parameters),
    windows: own.windows,
    batchSizes: batchSizes(),
    heldOutLoss: Number.NaN,
  });
}

function batchSizes(): readonly number[] {
  const sizes: number[] = [];
  let size = 1;
  while (size <= BATCH_MAX) {
    sizes.push(size);
    size += size < EVERY_BATCH_MAX ? 1 : 2 ** Math.floor(Math.log2(size)) / 8;
  }
  return sizes;
}

/** Why nobody here can use the model of a run; undefined when it is of the embedded family. */
export function refuseOwn({ jobId, spec }: JobState): Refusal | undefined {
  if (spec.run?.own === undefined) return undefined;
  return refuse(
    "WRONG_STATE",
    `The model of run ${jobId} is its command's own.`,
    "Export it as safetensors, and load that in a script: `tequio.load_checkpoint`.",
  );
}

/** A safetensors file of all values as one tensor `model`, in the order of the run's vector. */
export function ownPieces(
  { parameters, layout }: OwnModel,
  notes: Readonly<Record<string, string>>,
): readonly (Uint8Array | VectorPart)[] {
  const header = {
    __metadata__: { ...notes, ...(layout === undefined ? {} : { layout }) },
    model: { dtype: "F32", shape: [parameters], data_offsets: [0, 4 * parameters] },
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  // Readers map the values into memory, so they begin at a multiple of 8.
  const bytes = new Uint8Array(8 + 8 * Math.ceil(text.length / 8)).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return [bytes, { offset: 0, size: parameters }];
}
