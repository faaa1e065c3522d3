// What following means for HTTP: a follower answers the reads of people and refuses all else with
// the leader's address; every answer says up to which record it knows; and a reader may ask for an
// answer that knows at least a certain record, e.g. that of its own last write.
import { ENDPOINTS, type Endpoint } from "@tequio/contract";
import { LIMITS, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { type Following, notLeader } from "../follower/role.ts";
import { sendProblem } from "./problem.ts";

/** Of the reads, those of what lies on the leader's disk and in its memory. */
const LEADER_ONLY: ReadonlySet<string> = new Set(["/v1/jobs/:id/log", "/v1/blobs/:digest"]);
/** Reads beside the contract's table. */
const STREAMS: readonly string[] = ["/v1/events", "/healthz", "/readyz", "/openapi.json"];

/** Patterns of addresses that a follower answers. Rows that anybody may call begin a sign-in. */
const READS: ReadonlySet<string> = new Set([
  ...STREAMS,
  ...Object.values(ENDPOINTS)
    .filter(({ method, callers }: Endpoint) => method === "GET" && callers.includes("person"))
    .map(({ path }) => path)
    .filter((path) => !LEADER_ONLY.has(path)),
]);

/** True for what a follower answers by itself. */
export function isFollowersRead(method: string, route: string | undefined, url: string): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  if (route !== undefined && READS.has(route)) return true;
  // The console and the metrics: whatever is no address of the API.
  return !url.startsWith("/v1/") && (route === undefined || !route.startsWith("/v1/"));
}

/** The record that the reader has to see; undefined when it names none. */
function minSeqOf({ headers }: FastifyRequest): number | undefined {
  const given = headers["tequio-min-seq"];
  const seq = typeof given === "string" && /^[0-9]{1,15}$/.test(given) ? Number(given) : undefined;
  return seq;
}

/** Adds the rules of followers, and the place of every answer. */
export function registerRole(app: FastifyInstance, context: Context): void {
  const { role, pump } = context;
  app.addHook("onRequest", (request, reply, done) => {
    const following = role.following();
    if (following === undefined) {
      done(); // The leader's answers cost nothing more.
      return;
    }
    void answerable(context, following, request, reply).then((refusal) => {
      if (refusal === undefined) done();
      else sendProblem(request, reply, refusal);
    }, done);
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    reply.header("tequio-seq", String(pump.durableSeq));
    done(null, payload);
  });
}

/** Says how new a follower's answer is; why it gives none, or none yet. */
async function answerable(
  { role, pump }: Context,
  following: Following,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Refusal | undefined> {
  const { leaderUrl, lagMs, lagRecords } = following;
  reply.header("tequio-role", "follower").header("tequio-lag-records", String(lagRecords));
  if (lagMs !== undefined) reply.header("tequio-lag-ms", String(lagMs));
  if (leaderUrl !== undefined) reply.header("tequio-leader", leaderUrl);
  if (!isFollowersRead(request.method, request.routeOptions.url, request.url)) {
    return notLeader(following);
  }
  // A stream's headers leave before anything is sent.
  reply.header("tequio-seq", String(pump.durableSeq));
  const minSeq = minSeqOf(request);
  if (minSeq === undefined || (await role.reached(minSeq, LIMITS.READ_WAIT_MS))) return undefined;
  const message = `This control plane knows record ${pump.durableSeq}, not ${minSeq} yet.`;
  return refuse("REPLICA_BEHIND", message, "Try again, or ask the leader.");
}
