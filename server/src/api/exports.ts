// A run's model as a file: safetensors or ONNX. The trainer says what stands around the weights;
// the weights are sent as they lie in the store, so a model of any size takes no memory here.
import { Readable } from "node:stream";
import { ExportQuery, JobId, parseWith } from "@tequio/contract";
import { forbidden, holds } from "@tequio/core/controller";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { BlobStore } from "@tequio/stores";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ownPieces, refuseOwn } from "../aggregator/own-model.ts";
import type { Context } from "../context.ts";
import type { VectorPart } from "../ports.ts";
import { modelOf, type RunModel, valuesOf } from "../run-models.ts";
import { credentialOf } from "../signin/cookies.ts";
import { callerOf } from "./caller.ts";
import { findRun } from "./handlers/runs.ts";
import { personOf } from "./may.ts";
import { sendProblem } from "./problem.ts";

interface ExportRoute {
  readonly Params: { readonly id: string };
}

const VALUE_BYTES = 4;

/** Adds `GET /v1/runs/:id/export`. */
export function registerExports(app: FastifyInstance, context: Context): void {
  app.get<ExportRoute>("/v1/runs/:id/export", async (request, reply) => {
    const file = await fileOf(context, request);
    return file.ok ? sendFile(context, reply, file.value) : sendProblem(request, reply, file);
  });
}

interface ModelFile {
  readonly name: string;
  readonly model: RunModel;
  readonly pieces: readonly (Uint8Array | VectorPart)[];
}

async function fileOf(
  context: Context,
  request: FastifyRequest<ExportRoute>,
): Promise<Outcome<ModelFile>> {
  const { pump, trainer, store } = context;
  const caller = callerOf(context, credentialOf(context, request), ["person"]);
  if (!caller.ok) return caller;
  const { who } = personOf(caller.value);
  if (!holds(who, "blobs.read")) return forbidden(who, "blobs.read");
  const id = parseWith(JobId, request.params.id);
  if (!id.ok) return id;
  const query = parseWith(ExportQuery, request.query);
  if (!query.ok) return query;
  const job = findRun(context, caller.value, "blobs.read", id.value);
  if (!job.ok) return job;
  const run = pump.state.runs.get(id.value);
  if (run === undefined) {
    return refuse("WRONG_STATE", `Run ${id.value} has no model yet.`, "Try again soon.");
  }
  if (trainer === undefined) return noTrainer();
  const { format, round } = query.value;
  const model = modelOf(run, round);
  if (!model.ok) return model;
  const stat = await store.blobs.stat(model.value.blob);
  if (!stat.ok) return stat;
  const notes = {
    ...{ pool: pump.state.poolId, run: run.jobId, round: String(model.value.round) },
    ...{ digest: model.value.digest, model: JSON.stringify(job.value.spec.run!.model) },
  };
  const { own } = job.value.spec.run!;
  const unknown = format === "safetensors" ? undefined : refuseOwn(job.value);
  if (unknown !== undefined) return unknown;
  const pieces =
    own === undefined
      ? await trainer.exportPieces(job.value.spec.run!, format, notes)
      : ownPieces(own, notes);
  const name = `run-${run.jobId}-round-${model.value.round}.${format}`;
  return ok({ name, model: model.value, pieces });
}

const noTrainer = (): Refusal =>
  refuse("WRONG_STATE", "This control plane has no trainer.", "Start it with one.");

function sendFile({ store }: Context, reply: FastifyReply, file: ModelFile): FastifyReply {
  const { name, model, pieces } = file;
  const bytes = pieces.reduce(
    (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : VALUE_BYTES * piece.size),
    0,
  );
  return reply
    .type("application/octet-stream")
    .header("content-disposition", `attachment; filename="${name}"`)
    .header("content-length", bytes)
    .header("tequio-round", String(model.round))
    .header("tequio-digest", model.digest)
    .send(Readable.from(bytesOf(store.blobs, model, pieces), { objectMode: false }));
}

async function* bytesOf(
  blobs: BlobStore,
  model: RunModel,
  pieces: ModelFile["pieces"],
): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
    else yield* valuesOf(blobs, model, piece);
  }
}
