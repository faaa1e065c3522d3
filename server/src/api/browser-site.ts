// What a site in a browser tab cannot bring along: the engine's files, and the text of a run in the
// run's tokens; and the farewell of a page that is closed. Everything else it asks for like any
// other site.
import { createReadStream, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { decodeJoinToken, TabFarewell, TabQuestion } from "@tequio/contract";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { sha256 } from "../secrets.ts";
import { credentialOf } from "../signin/cookies.ts";
import { tabInvitation } from "../views/tab.ts";
import { callerOf } from "./caller.ts";
import { noSuchAddress, sendProblem } from "./problem.ts";
import { leaseOf } from "./table.ts";

/** The files of the engine's package that a page loads: its loaders and its WebAssembly. */
const FILE = /^ort[\w.-]*\.(mjs|wasm)$/;
const TYPES: Readonly<Record<string, string>> = {
  mjs: "text/javascript; charset=utf-8",
  wasm: "application/wasm",
};
/** 14 to 26 MB that change with the pool's version only: a day spares most visits the way. */
const CACHE = "public, max-age=86400";

interface EngineRoute {
  readonly Params: { readonly file: string };
}
interface RunRoute {
  readonly Params: { readonly id: string };
}

/** Adds `/engine/:file`, `/v1/runs/:id/text`, and what pages of links ask and say. */
export function registerBrowserSite(app: FastifyInstance, context: Context): void {
  const folder = engineFolder();
  app.get<EngineRoute>("/engine/:file", (request, reply) => {
    const { file } = request.params;
    const path = folder === undefined || !FILE.test(file) ? undefined : join(folder, file);
    if (path === undefined || !existsSync(path)) {
      return sendProblem(request, reply, noSuchAddress("GET", request.url));
    }
    const type = TYPES[file.split(".").at(-1) ?? ""] ?? "application/octet-stream";
    return reply.header("cache-control", CACHE).type(type).send(createReadStream(path));
  });
  app.get<RunRoute>("/v1/runs/:id/text", async (request, reply) => {
    const text = await textFor(context, request);
    if (!text.ok) return sendProblem(request, reply, text);
    const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT: size } = text.value;
    return reply
      .header("tequio-token-bytes", size)
      .type("application/octet-stream")
      .send(Buffer.from(buffer, byteOffset, byteLength));
  });
  registerFarewell(app, context);
  registerInvitation(app, context);
}

/** Takes the farewell of a closed tab: it proves itself by what is signed in it. */
function registerFarewell(app: FastifyInstance, context: Context): void {
  app.post("/v1/tabs/farewell", async (request, reply) => {
    const said = TabFarewell.safeParse(request.body);
    const answer = said.success
      ? await context.farewell(said.data)
      : refuse("INVALID_REQUEST", "The farewell cannot be read.", "Load the page again.");
    if (!answer.ok) return sendProblem(request, reply, answer);
    return reply.send({ left: answer.value });
  });
}

/** Says what a link is for; the link is in the body, so that no log of addresses holds it. */
function registerInvitation(app: FastifyInstance, context: Context): void {
  app.post("/v1/tabs/invitation", (request, reply) => {
    const asked = TabQuestion.safeParse(request.body);
    const token = decodeJoinToken(asked.success ? asked.data.joinToken : "");
    const answer = token.ok
      ? tabInvitation(context.pump.state, sha256(token.value.secret), context.now())
      : token;
    return answer.ok ? reply.send(answer.value) : sendProblem(request, reply, answer);
  });
}

/** The training text of the run that the task's lease is of. */
async function textFor(
  context: Context,
  request: FastifyRequest<RunRoute>,
): Promise<Outcome<Uint8Array | Uint16Array>> {
  const caller = callerOf(context, credentialOf(context, request), ["task"]);
  if (!caller.ok) return caller;
  const { id } = request.params;
  const { jobId } = leaseOf(caller.value).lease;
  const run = context.pump.state.jobs.get(id)?.spec.run;
  if (jobId !== id || run === undefined || context.trainer === undefined) {
    const hint = "Use the token of a task of that run.";
    return refuse("FORBIDDEN", `The token is for job ${jobId}, not ${id}.`, hint);
  }
  return ok(await context.trainer.trainText(run));
}

/** Where the engine's package lies; undefined where it is not installed. */
function engineFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
  } catch {
    return undefined;
  }
}
