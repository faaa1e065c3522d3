// The OpenAI-compatible endpoint under /openai/v1: models, completions and chats, whole or as a
// stream. It serves the models of runs with an API token as the key. What goes wrong anywhere on
// these addresses, also in the server around them, is answered in OpenAI's shape.

import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { Problem } from "@tequio/contract";
import { forbidden, holds } from "@tequio/core/controller";
import { CODES, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { refuseOwn } from "../../aggregator/own-model.ts";
import type { Context } from "../../context.ts";
import type { TextWish, TrainerPort } from "../../ports.ts";
import { readModel } from "../../run-models.ts";
import { credentialOf } from "../../signin/cookies.ts";
import { type Caller, callerOf } from "../caller.ts";
import { personOf } from "../may.ts";
import { noSuchAddress, sendProblem } from "../problem.ts";
import { type Asked, askedChat, askedCompletion, wishOf } from "./asked.ts";
import { openAiError } from "./errors.ts";
import { findModel, heldModel, modelRow, modelRows, type ServedModel } from "./models.ts";
import {
  chunkReply,
  type Finish,
  type Head,
  SSE_END,
  sse,
  usageChunk,
  usageOf,
  wholeReply,
} from "./replies.ts";
import { TextStream } from "./text.ts";

/** Texts under way, for each that writes: with more each would be slower than people read. */
const TEXTS_MAX = 32;

interface ModelRoute {
  readonly Params: { readonly model: string };
}

/** Adds the endpoint. */
export function registerServing(app: FastifyInstance, context: Context): void {
  void app.register(
    async (scope) => {
      scope.addHook("onRequest", async (_request, reply) => {
        reply.header("cache-control", "no-store");
      });
      scope.addHook("onSend", async (_request, reply, payload) => translated(reply, payload));
      scope.setNotFoundHandler((request, reply) => {
        sendProblem(request, reply, noSuchAddress(request.method, request.url.split("?")[0] ?? ""));
      });
      scope.get("/models", async (request, reply) => {
        const caller = personFor(context, request);
        if (!caller.ok) return sendProblem(request, reply, caller);
        return reply.send({ object: "list", data: modelRows(context, caller.value) });
      });
      scope.get<ModelRoute>("/models/:model", async (request, reply) => {
        const caller = personFor(context, request);
        if (!caller.ok) return sendProblem(request, reply, caller);
        const found = findModel(context, caller.value, request.params.model);
        if (!found.ok) return sendProblem(request, reply, found);
        return reply.send(modelRow(request.params.model, found.value));
      });
      const active = { count: 0 };
      const write = (parse: (body: unknown) => Outcome<Asked>) => {
        return async (request: FastifyRequest, reply: FastifyReply) => {
          const caller = personFor(context, request);
          const answer = caller.ok
            ? await begin(context, caller.value, parse(request.body), active, reply)
            : caller;
          if (!answer.ok) return sendProblem(request, reply, answer);
          return answer.value;
        };
      };
      scope.post("/completions", write(askedCompletion));
      scope.post("/chat/completions", write(askedChat));
    },
    { prefix: "/openai/v1" },
  );
}

/** A problem becomes an error as OpenAI's clients read it; all else is left as it is. */
function translated(reply: FastifyReply, payload: unknown): unknown {
  if (reply.statusCode < 400 || typeof payload !== "string") return payload;
  const problem = Problem.safeParse(JSON.parse(payload));
  if (!problem.success) return payload;
  const text = JSON.stringify(openAiError(reply.statusCode, problem.data));
  reply.header("content-length", Buffer.byteLength(text));
  return text;
}

function personFor(context: Context, request: FastifyRequest): Outcome<Caller> {
  const caller = callerOf(context, credentialOf(context, request), ["person"]);
  if (!caller.ok) return caller;
  const { who } = personOf(caller.value);
  return holds(who, "runs.sample") ? caller : forbidden(who, "runs.sample");
}

/** A text that is being written. */
interface Writing {
  readonly asked: Asked;
  readonly head: Head;
  readonly promptTokens: number;
  /** Bytes of every token. */
  readonly vocabulary: readonly Uint8Array[];
  /** What the answer begins with. */
  readonly echo: string;
  readonly tokens: AsyncIterable<number>;
  readonly stopWriting: () => void;
}

/** What is to be written, in the run's own tokens. */
interface Wanted extends Pick<Writing, "vocabulary" | "echo"> {
  readonly served: ServedModel;
  readonly wish: TextWish;
}

async function wantedOf(
  { store }: Context,
  trainer: TrainerPort,
  served: ServedModel,
  asked: Asked,
): Promise<Outcome<Wanted>> {
  const spec = served.job.spec.run!;
  const { prompt } = asked;
  const tokens = typeof prompt === "string" ? await trainer.encode(spec, prompt) : prompt;
  const wish = wishOf(asked, tokens, spec.model);
  if (!wish.ok) return wish;
  const stat = await store.blobs.stat(served.model.blob);
  if (!stat.ok) return stat;
  const vocabulary = await trainer.vocabulary(spec);
  const texts = (): string =>
    Buffer.concat(tokens.map((token) => vocabulary[token] ?? new Uint8Array())).toString();
  const echo = typeof prompt === "string" ? prompt : texts();
  return ok({ served, wish: wish.value, vocabulary, echo: asked.echoes ? echo : "" });
}

async function begin(
  context: Context,
  caller: Caller,
  asked: Outcome<Asked>,
  active: { count: number },
  reply: FastifyReply,
): Promise<Outcome<FastifyReply>> {
  if (!asked.ok) return asked;
  const found = findModel(context, caller, asked.value.model);
  if (!found.ok) return found;
  const served = ok(await heldModel(context, found.value, asked.value.model));
  const unknown = refuseOwn(served.value.job);
  if (unknown !== undefined) return unknown;
  const { trainer } = context;
  if (trainer === undefined) {
    return refuse("WRONG_STATE", "This control plane has no trainer.", "Start it with one.");
  }
  const places = TEXTS_MAX * (1 + context.replicas.readyCount(served.value.job.jobId));
  if (active.count >= places) {
    return refuse("TOO_MANY", `${active.count} texts are under way.`, "Try again in a moment.");
  }
  active.count += 1;
  const wanted = await wantedOf(context, trainer, served.value, asked.value).catch(
    (error: unknown) => failed(context, served.value.name, error),
  );
  if (!wanted.ok) {
    active.count -= 1;
    return wanted;
  }
  const writing = beginText(context, caller, trainer, asked.value, wanted.value, reply, () => {
    active.count -= 1;
  });
  return asked.value.stream
    ? ok(streamed(context, writing, reply))
    : answered(context, writing, reply);
}

/** Starts the text; it ends with its reader, with the reader's rights, or with the server. */
function beginText(
  { people, closing, store, now, replicas }: Context,
  caller: Caller,
  trainer: TrainerPort,
  asked: Asked,
  { served, wish, vocabulary, echo }: Wanted,
  reply: FastifyReply,
  onEnd: () => void,
): Writing {
  const { job, model, run, name } = served;
  const leaving = new AbortController();
  const person = personOf(caller);
  const rights = people.watch(person.tokenId, person.user);
  const signal = AbortSignal.any([leaving.signal, closing, rights.signal]);
  let open = true;
  const stopWriting = (): void => {
    if (!open) return;
    open = false;
    onEnd();
    rights.release();
    leaving.abort();
  };
  if (reply.raw.destroyed) stopWriting();
  else reply.raw.once("close", stopWriting);
  const parameters = async (): Promise<Float32Array> => {
    const read = await readModel(store.blobs, model, run.machine.config.parameters);
    if (!read.ok) throw new Error(read.message);
    return read.value;
  };
  const request = { shape: job.spec.run!.model, digest: model.digest, parameters, wish };
  const id = `${asked.kind === "chat.completion" ? "chatcmpl" : "cmpl"}-${randomUUID()}`;
  const created = Math.floor(now() / 1_000);
  return {
    ...{ asked, stopWriting, vocabulary, echo, promptTokens: wish.prompt.length },
    head: { id, created, model: name, system_fingerprint: model.digest.slice(0, 23) },
    tokens: replicas.generate(
      { runId: job.jobId, model, parameters: run.machine.config.parameters, request },
      (rest, until) => trainer.generate(rest, until),
      signal,
    ),
  };
}

interface Piece {
  readonly text: string;
  readonly tokens: number;
  readonly finish?: Finish;
}

/** The pieces of a text; the last one says how it ended. */
async function* piecesOf({
  asked,
  tokens,
  vocabulary,
  echo,
}: Writing): AsyncGenerator<Piece, undefined> {
  const stream = new TextStream(asked.stops);
  let count = 0;
  if (echo !== "") yield { text: echo, tokens: 0 };
  for await (const token of tokens) {
    count += 1;
    const text = stream.take(vocabulary[token] ?? new Uint8Array());
    if (text !== "") yield { text, tokens: count };
    if (stream.stopped) break;
  }
  const rest = stream.end();
  if (rest !== "") yield { text: rest, tokens: count };
  yield { text: "", tokens: count, finish: stream.stopped ? "stop" : "length" };
  return undefined;
}

async function answered(
  context: Context,
  writing: Writing,
  reply: FastifyReply,
): Promise<Outcome<FastifyReply>> {
  const { asked, head, promptTokens } = writing;
  let [text, count, finish]: [string, number, Finish] = ["", 0, "length"];
  try {
    for await (const piece of piecesOf(writing)) {
      text += piece.text;
      count = piece.tokens;
      finish = piece.finish ?? finish;
    }
  } catch (error) {
    return failed(context, writing.head.model, error);
  } finally {
    writing.stopWriting();
  }
  return ok(reply.send(wholeReply(asked.kind, head, text, finish, usageOf(promptTokens, count))));
}

/** The trouble of an engine as a refusal; the operator reads the whole of it. */
function failed({ say }: Context, model: string, error: unknown): Refusal {
  const why = error instanceof Error ? error.message : String(error);
  say("error", "A text could not be written.", { model, why });
  return refuse("INTERNAL", "The model could not write.", "Try again; the pool's log says why.");
}

function streamed(context: Context, writing: Writing, reply: FastifyReply): FastifyReply {
  return reply
    .type("text/event-stream; charset=utf-8")
    .header("x-accel-buffering", "no")
    .send(Readable.from(eventsOf(context, writing), { objectMode: false }));
}

async function* eventsOf(context: Context, writing: Writing): AsyncGenerator<string, undefined> {
  const { asked, head, promptTokens } = writing;
  let first = true;
  try {
    for await (const { text, tokens, finish } of piecesOf(writing)) {
      const end = finish === undefined ? {} : { finish };
      yield sse(chunkReply(asked.kind, head, text, { first, ...end }));
      first = false;
      if (finish !== undefined && asked.includesUsage) {
        yield sse(usageChunk(asked.kind, head, usageOf(promptTokens, tokens)));
      }
    }
    yield SSE_END;
  } catch (error) {
    const refusal = failed(context, writing.head.model, error);
    yield sse(openAiError(CODES[refusal.code].status, refusal));
  } finally {
    writing.stopWriting();
  }
  return undefined;
}
