// What monitors ask: is it alive, is it ready and if not why not, and the metrics. Health and
// readiness need no token and tell nothing about jobs or people; metrics need one.
import { openApi } from "@tequio/contract";
import { forbidden, holds } from "@tequio/core/controller";
import { LIMITS, type Refusal } from "@tequio/core/pool";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import type { PageKind } from "../metrics/registry.ts";
import { sha256 } from "../secrets.ts";
import { credentialOf } from "../signin/cookies.ts";
import { callerOf } from "./caller.ts";
import { sendProblem } from "./problem.ts";

/** Scrapers of Slurm's names read a page of their own: two of the names offend linters. */
const PAGES: readonly (readonly [string, PageKind])[] = [
  ["/metrics", "tequio"],
  ["/metrics/slurm", "slurm"],
];

/** One thing that has to be well before the pool takes work. */
interface Readiness {
  readonly name: "process" | "journal" | "disk" | "following";
  readonly ok: boolean;
  /** What is wrong. */
  readonly why?: string;
}

const check = (name: Readiness["name"], why: string | undefined): Readiness =>
  why === undefined ? { name, ok: true } : { name, ok: false, why };

async function readiness({ closing, health, role }: Context): Promise<readonly Readiness[]> {
  const free = await health.freeBytes();
  const full = free !== undefined && free < LIMITS.DISK_RESERVE_BYTES;
  const following = role.following();
  return [
    ...(following === undefined ? [] : [check("following", following.notReady)]),
    check("process", closing.aborted ? "It is stopping." : undefined),
    check("journal", health.journalTrouble()),
    check(
      "disk",
      full ? `${free} bytes are free; ${LIMITS.DISK_RESERVE_BYTES} are kept.` : undefined,
    ),
  ];
}

/** Whether it leads, and how far behind it is when it does not. */
function roleView({ role }: Context): object {
  const following = role.following();
  if (following === undefined) return { role: "leader" };
  const { leaderUrl: leader, lagMs, lagRecords } = following;
  return { role: "follower", leader, lagMs, lagRecords };
}

/** Adds `/healthz`, `/readyz`, `/openapi.json`, `/metrics` and `/metrics/slurm`. */
export function registerProbes(
  app: FastifyInstance,
  context: Context,
  eventStreams: () => number,
): void {
  let document: object | undefined;
  app.get("/healthz", () => ({ ok: true, version: context.version, ...roleView(context) }));
  app.get("/readyz", async (_request, reply) => {
    const checks = await readiness(context);
    const ready = checks.every(({ ok }) => ok);
    return reply.code(ready ? 200 : 503).send({ ready, ...roleView(context), checks });
  });
  app.get("/openapi.json", () => {
    document ??= openApi(context.version);
    return document;
  });
  for (const [url, kind] of PAGES) {
    app.get(url, async (request, reply) => {
      const refused = refuseScrape(context, request);
      if (refused !== undefined) return sendProblem(request, reply, refused);
      return sendMetrics(context, kind, { request, reply }, eventStreams);
    });
  }
}

/** The operator's scraper has a token for this alone; people need `metrics.read`. */
function refuseScrape(context: Context, request: FastifyRequest): Refusal | undefined {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const { metricsTokenHash } = context;
  // Hashes are compared: how long that takes tells nothing about the token.
  if (given !== undefined && metricsTokenHash !== undefined) {
    if (sha256(given) === metricsTokenHash) return undefined;
  }
  const caller = callerOf(context, credentialOf(context, request), ["person"]);
  if (!caller.ok) return caller;
  if (caller.value.kind !== "person" || holds(caller.value.who, "metrics.read")) return undefined;
  return forbidden(caller.value.who, "metrics.read");
}

async function sendMetrics(
  context: Context,
  kind: PageKind,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  eventStreams: () => number,
): Promise<FastifyReply> {
  const { pump, role, now, lastSeen, health } = context;
  const openMetrics = (request.headers.accept ?? "").includes("application/openmetrics-text");
  const page = await context.metrics.page(kind, openMetrics, {
    ...{ state: () => pump.state, now, lastSeen, eventStreams },
    freeBytes: health.freeBytes,
    followerLagMs: () => {
      const following = role.following();
      return following && (following.lagMs ?? Number.POSITIVE_INFINITY);
    },
  });
  return reply.type(page.type).header("cache-control", "no-store").send(page.text);
}
