// Blobs over HTTP: put whole or in parts that survive a cut, asked for with HEAD, read whole or by
// range. Bytes are never compressed: a coded delta is as small as it gets.

import { Readable } from "node:stream";
import { forbidden, holds } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { codedBytes } from "@tequio/core/training";
import type { BlobStore, Digest } from "@tequio/stores";
import { UPLOAD_CHUNK_BYTES_MAX } from "@tequio/stores";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { credentialOf } from "../signin/cookies.ts";
import { type Caller, callerOf } from "./caller.ts";
import { visibleJobs, whoOf } from "./may.ts";
import { sendProblem } from "./problem.ts";
import { closeLater, guardedAppend, refuseWithoutRoom, UploadSlots } from "./upload-guard.ts";

interface BlobRoute {
  readonly Params: { readonly digest: string };
}
type BlobRequest = FastifyRequest<BlobRoute>;

/** Bytes gathered before they are written: one write per chunk of the network would be slow. */
const CHUNK_BYTES = Math.min(4_194_304, UPLOAD_CHUNK_BYTES_MAX);
/** A site's largest blob is its optimiser state: two values for each parameter, and a little. */
const MOMENTS_PER_MODEL = 2;
const EXTRA_BYTES = 1_048_576;

/** Adds the three methods of `/v1/blobs/:digest`. */
export function registerBlobs(app: FastifyInstance, context: Context): void {
  void app.register(async (scope) => {
    // Bodies are read by the handler, whatever type they claim.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    const url = "/v1/blobs/:digest";
    const slots = new UploadSlots();
    const serve = (work: Work) => async (request: BlobRequest, reply: FastifyReply) => {
      const caller = callerOf(context, credentialOf(context, request), ["task", "person"]);
      const refused = caller.ok ? refusePerson(context, caller.value, request) : caller;
      const refusal =
        caller.ok && refused === undefined ? await work(caller.value, request, reply) : refused;
      return refusal === undefined ? reply : sendProblem(request, reply, refusal);
    };
    scope.put<BlobRoute>(
      url,
      serve(async (caller, request, reply) => {
        const put = await slots.during(caller, () => putBlob(context, caller, request));
        if (!put.ok) {
          if (!request.raw.complete) closeLater(request.raw);
          return put;
        }
        reply.code(put.value.complete ? 201 : 202).send(put.value);
        return undefined;
      }),
    );
    scope.head<BlobRoute>(
      url,
      serve((_caller, request, reply) => headBlob(context, request, reply)),
    );
    scope.get<BlobRoute>(
      url,
      serve((caller, request, reply) => getBlob(context, caller, request, reply)),
    );
  });
}

/** Undefined when the reply is on its way. (A reply itself is a promise: it is never awaited.) */
type Answer = Refusal | undefined;
type Work = (caller: Caller, request: BlobRequest, reply: FastifyReply) => Promise<Answer>;

/** Persons need the permission; where it has bounds, mayRead() looks at the blob. */
function refusePerson(context: Context, caller: Caller, { method }: BlobRequest) {
  if (caller.kind !== "person") return undefined;
  const what = method === "PUT" ? "blobs.write" : "blobs.read";
  const who = whoOf(context, caller);
  return holds(who, what) ? undefined : forbidden(who, what);
}

/** Tasks read the blobs of their own run, or of the one that they serve; persons those of the runs
 * that they may watch. */
function mayRead(context: Context, caller: Caller, digest: string): Refusal | undefined {
  const { blobGuard, runs, pump } = context;
  if (caller.kind !== "task") {
    const visible = visibleJobs(context, caller, "blobs.read");
    if (visible === undefined) return undefined;
    const found = runs.ids.some(
      (id) => blobGuard.mayRead(id, digest) && visible(pump.state.jobs.get(id)!),
    );
    return found ? undefined : forbidden(whoOf(context, caller), "blobs.read");
  }
  const { jobId } = caller.lease.lease;
  const served = pump.state.jobs.get(jobId)?.spec.serves;
  if (blobGuard.mayRead(jobId, digest)) return undefined;
  if (served !== undefined && blobGuard.mayRead(served, digest)) return undefined;
  return refuse(
    "NOT_FOUND",
    `Job ${jobId} has no blob ${digest.slice(0, 80)}.`,
    "Ask for the assignment again: it names the newest blobs.",
  );
}

/** Bytes that the caller may put at once, or why it may not put at all. */
function bytesMaxOf({ pump }: Context, caller: Caller): Outcome<number> {
  if (caller.kind !== "task") return ok(LIMITS.BLOB_BYTES_MAX);
  const run = pump.state.runs.get(caller.lease.lease.jobId);
  if (run === undefined) {
    return refuse("FORBIDDEN", "Only tasks of a run put blobs.", "Use a person's token.");
  }
  const modelBytes = codedBytes("fp32", run.machine.config.parameters);
  return ok(Math.min(LIMITS.BLOB_BYTES_MAX, MOMENTS_PER_MODEL * modelBytes + EXTRA_BYTES));
}

interface Part {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  readonly size: number;
}

/** The part that a request brings: of `Content-Range`, or the whole of `Content-Length`. */
function partOf(request: BlobRequest): Outcome<Part> {
  const range = request.headers["content-range"];
  if (range === undefined) {
    const size = Number(request.headers["content-length"] ?? Number.NaN);
    if (Number.isSafeInteger(size)) return ok({ start: 0, end: size, size });
    return refuse("INVALID_REQUEST", "The size is not named.", "Send `Content-Length`.");
  }
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(range);
  const [start, last, size] = (found ?? []).slice(1).map(Number);
  // `bytes 5-4/5` brings nothing and asks to finish an upload that is whole already.
  if (start !== undefined && last! >= start - 1 && last! < size!) {
    return ok({ start, end: last! + 1, size: size! });
  }
  const hint = "Send `Content-Range: bytes FIRST-LAST/SIZE`.";
  return refuse("INVALID_REQUEST", `\`Content-Range\`: ${range.slice(0, 80)}.`, hint);
}

interface PutView {
  readonly digest: string;
  readonly bytes: number;
  readonly complete: boolean;
  /** Bytes that have arrived. */
  readonly offset: number;
}

async function putBlob(
  context: Context,
  caller: Caller,
  request: BlobRequest,
): Promise<Outcome<PutView>> {
  const { blobs } = context.store;
  const { digest } = request.params;
  const bytesMax = bytesMaxOf(context, caller);
  if (!bytesMax.ok) return bytesMax;
  const part = partOf(request);
  if (!part.ok) return part;
  const { start, end, size } = part.value;
  if (size > bytesMax.value) {
    const hint = `The limit here is ${bytesMax.value} bytes.`;
    return refuse("TOO_LARGE", `The blob has ${size} bytes.`, hint);
  }
  const jobId = caller.kind === "task" ? caller.lease.lease.jobId : undefined;
  const over = context.blobCare.quota.admit(digest, size, jobId);
  if (over !== undefined) return over;
  const begun = await blobs.beginUpload(digest, size);
  if (!begun.ok) return begun;
  const view = { digest, bytes: size };
  if (!begun.value.complete) {
    const source = (request.body ?? Readable.from([])) as AsyncIterable<Uint8Array>;
    const at = begun.value.offset;
    const full = await refuseWithoutRoom(context, size - at);
    if (full !== undefined) {
      // An upload that cannot end would only hold what others need.
      await blobs.abortUpload(digest);
      return full;
    }
    const append = guardedAppend(context, blobs);
    const taken = await takePart(append, digest, source, { start, end, at });
    if (taken.ok && taken.value < size) {
      return ok({ ...view, complete: false, offset: taken.value });
    }
    const finished = taken.ok ? await blobs.finishUpload(digest) : taken;
    // Another request may have finished the same upload: then the blob is there.
    if (!finished.ok && !(await blobs.has(digest))) return finished;
  }
  if (caller.kind === "task") context.blobGuard.note(caller.lease.lease.jobId, digest);
  else context.blobGuard.keep(digest);
  return ok({ ...view, complete: true, offset: size });
}

/** Appends what is new of a part; gives the bytes that have arrived in all. */
async function takePart(
  append: BlobStore["appendUpload"],
  digest: string,
  source: AsyncIterable<Uint8Array>,
  part: { readonly start: number; readonly end: number; readonly at: number },
): Promise<Outcome<number>> {
  const { start, end } = part;
  let { at } = part;
  if (start > at) {
    const hint = `Send the bytes from ${at} on.`;
    return refuse("WRONG_OFFSET", `The upload continues at byte ${at}.`, hint, String(at));
  }
  let seen = start;
  for await (const chunk of gathered(source)) {
    const fresh = chunk.subarray(Math.min(chunk.length, Math.max(0, at - seen)));
    seen += chunk.length;
    if (seen > end) {
      return refuse("INVALID_REQUEST", "More came than was named.", "Send as much as you name.");
    }
    if (fresh.length === 0) continue;
    const appended = await append(digest, at, fresh);
    if (!appended.ok) return appended;
    at = appended.value.offset;
  }
  return ok(at);
}

/** The same bytes in larger pieces. What came before a cut is handed on before the error is. */
async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  let cut: { readonly error: unknown } | undefined;
  try {
    for await (const piece of source) {
      pieces.push(piece);
      size += piece.length;
      if (size < CHUNK_BYTES) continue;
      yield* sliced(Buffer.concat(pieces));
      pieces = [];
      size = 0;
    }
  } catch (error) {
    cut = { error };
  }
  yield* sliced(Buffer.concat(pieces));
  if (cut !== undefined) throw cut.error;
}

function* sliced(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

/** 200 with the size, or 404 with the offset at which an unfinished upload goes on. */
async function headBlob(
  { store }: Context,
  request: BlobRequest,
  reply: FastifyReply,
): Promise<Answer> {
  const { digest } = request.params;
  const stat = await store.blobs.stat(digest);
  // Whoever is about to put bytes knows them: it may learn that they are there already.
  if (stat.ok) {
    describe(reply, digest).header("content-length", stat.value.size).send();
    return undefined;
  }
  if (stat.code !== "NOT_FOUND") return stat;
  const upload = (await store.blobs.uploads()).find((one) => one.digest === digest);
  reply
    .code(404)
    .header("upload-offset", String(upload?.offset ?? 0))
    .send();
  return undefined;
}

const describe = (reply: FastifyReply, digest: string): FastifyReply =>
  reply
    .type("application/octet-stream")
    .header("accept-ranges", "bytes")
    .header("etag", `"${digest}"`)
    .header("cache-control", "private, max-age=31536000, immutable, no-transform");

async function getBlob(
  context: Context,
  caller: Caller,
  request: BlobRequest,
  reply: FastifyReply,
): Promise<Answer> {
  const { blobs } = context.store;
  const digest = request.params.digest as Digest;
  const refused = mayRead(context, caller, digest);
  if (refused !== undefined) return refused;
  const stat = await blobs.stat(digest);
  if (!stat.ok) return stat;
  const { size } = stat.value;
  if (request.headers["if-none-match"] === `"${digest}"`) {
    describe(reply, digest).code(304).send();
    return undefined;
  }
  const range = rangeOf(request.headers.range, size);
  if (!range.ok) {
    reply.header("content-range", `bytes */${size}`);
    return range;
  }
  const { start, end } = range.value ?? { start: 0, end: size };
  const content = await blobs.open(digest, { start, end });
  if (!content.ok) return content;
  describe(reply, digest).header("content-length", end - start);
  if (range.value !== undefined) {
    reply.code(206).header("content-range", `bytes ${start}-${end - 1}/${size}`);
  }
  reply.send(Readable.from(content.value.chunks, { objectMode: false }));
  return undefined;
}

/** One range of bytes; undefined for the whole. Refuses RANGE_INVALID. */
function rangeOf(
  header: string | undefined,
  size: number,
): Outcome<{ readonly start: number; readonly end: number } | undefined> {
  if (header === undefined) return ok(undefined);
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header);
  const [first, last] = (found ?? []).slice(1);
  if (first !== undefined && last !== undefined && (first !== "" || last !== "")) {
    const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
    const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
    if (start < end) return ok({ start, end });
  }
  const hint = `Ask for \`bytes=FIRST-LAST\` within ${size} bytes.`;
  return refuse("RANGE_INVALID", `\`Range\`: ${header.slice(0, 80)}.`, hint);
}
