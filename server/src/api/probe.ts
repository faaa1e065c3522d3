// Bytes for measuring a site's link: some to fetch, and a place to send some to.
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { callerOf } from "./caller.ts";
import { sendProblem } from "./problem.ts";

/** Largest transfer of a probe: at 1 Gbit/s half a second. */
const PROBE_BYTES_MAX = 67_108_864;
const PIECE_BYTES = 65_536;
/** Made once: random, so that nothing on the way can compress it. */
const PIECE = randomBytes(PIECE_BYTES);

function* pieces(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield PIECE.subarray(0, left);
}

/** Adds `GET` and `POST /v1/probe`. */
export function registerProbe(app: FastifyInstance, context: Context): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    const guarded =
      (work: (request: FastifyRequest, reply: FastifyReply) => unknown) =>
      async (request: FastifyRequest, reply: FastifyReply) => {
        const caller = callerOf(context, request.headers.authorization, ["site"]);
        return caller.ok ? work(request, reply) : sendProblem(request, reply, caller);
      };
    scope.get(
      "/v1/probe",
      guarded((request, reply) => {
        const bytes = Number((request.query as { bytes?: string }).bytes ?? PIECE_BYTES);
        if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > PROBE_BYTES_MAX) {
          const hint = `Ask for 0 to ${PROBE_BYTES_MAX} bytes.`;
          const refusal = refuse("INVALID_REQUEST", "`bytes` is out of range.", hint, "bytes");
          return sendProblem(request, reply, refusal);
        }
        return reply
          .type("application/octet-stream")
          .header("content-length", bytes)
          .header("cache-control", "no-store, no-transform")
          .send(Readable.from(pieces(bytes), { objectMode: false }));
      }),
    );
    scope.post(
      "/v1/probe",
      guarded(async (request, reply) => {
        let bytes = 0;
        for await (const piece of (request.body ?? []) as AsyncIterable<Uint8Array>) {
          bytes += piece.length;
          if (bytes <= PROBE_BYTES_MAX) continue;
          const hint = `Send at most ${PROBE_BYTES_MAX} bytes.`;
          return sendProblem(request, reply, refuse("TOO_LARGE", "The probe is too large.", hint));
        }
        return reply.send({ bytes });
      }),
    );
  });
}
