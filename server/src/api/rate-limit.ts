// Rate limits: per token for callers that are known, per address for those that are not, each kind
// of caller with a limit of its own, so that neither a script nor a training starves the others.
// A wrong token costs its address more than a request: nobody tries many.
import { MACHINE_OPERATOR } from "@tequio/core/controller";
import { LIMITS, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { credentialOf } from "../signin/cookies.ts";
import { type Rate, TokenBuckets } from "../token-bucket.ts";
import { type Caller, callerOf } from "./caller.ts";
import { sendProblem } from "./problem.ts";

/** Kinds of callers as the metrics name them. */
export type LimitKind = "address" | "guess" | "person" | "operator" | "task" | "site";

const RATES: Readonly<Record<LimitKind, Rate>> = {
  address: { perS: LIMITS.ADDRESS_REQUESTS_PER_S, burst: LIMITS.ADDRESS_REQUESTS_BURST },
  guess: { perS: LIMITS.ADDRESS_REQUESTS_PER_S, burst: LIMITS.ADDRESS_REQUESTS_BURST },
  person: { perS: LIMITS.PERSON_REQUESTS_PER_S, burst: LIMITS.PERSON_REQUESTS_BURST },
  operator: { perS: LIMITS.OPERATOR_REQUESTS_PER_S, burst: LIMITS.OPERATOR_REQUESTS_BURST },
  task: { perS: LIMITS.TASK_REQUESTS_PER_S, burst: LIMITS.TASK_REQUESTS_BURST },
  site: { perS: LIMITS.SITE_REQUESTS_PER_S, burst: LIMITS.SITE_REQUESTS_BURST },
};

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

interface Payer {
  readonly kind: LimitKind;
  readonly key: string;
  readonly cost: number;
}

/** Who pays for a request, and how much. */
export function payerOf(context: Context, request: FastifyRequest): Payer {
  const authorization = credentialOf(context, request);
  const address = { key: `address ${request.ip}`, cost: 1 };
  // A scraper's token is none of the pool's: it is looked at where the metrics are.
  if (authorization === undefined || request.url.startsWith("/metrics"))
    return { ...address, kind: "address" };
  const caller = callerOf(context, authorization, ["person", "task", "site"]);
  if (!caller.ok) {
    // One that was good once was not guessed: its holder has yet to notice.
    if (caller.code !== "UNAUTHENTICATED") return { ...address, kind: "address" };
    return { ...address, kind: "guess", cost: LIMITS.WRONG_TOKEN_COST };
  }
  return knownPayer(caller.value, request.ip);
}

function knownPayer(caller: Caller, ip: string): Payer {
  switch (caller.kind) {
    case "person": {
      const local = caller.user === MACHINE_OPERATOR && LOOPBACK.test(ip);
      return { kind: local ? "operator" : "person", key: caller.tokenId, cost: 1 };
    }
    case "task":
      return { kind: "task", key: caller.lease.lease.leaseId, cost: 1 };
    case "site":
      return { kind: "site", key: caller.siteId, cost: 1 };
    case "anyone":
      return { kind: "address", key: `address ${ip}`, cost: 1 };
    default:
      return caller satisfies never;
  }
}

function tooFast({ kind }: Payer, waitS: number): Refusal {
  const { perS, burst } = RATES[kind];
  const unknown = kind === "address" || kind === "guess";
  const whose = unknown ? "Your address sends" : "Your token sends";
  return refuse(
    "TOO_MANY",
    `${whose} too many requests: ${perS} a second are good, and ${burst} at once.`,
    `Wait ${waitS} s${unknown ? ", and send a token that is good" : ""}.`,
  );
}

/** Answers 429 with `Retry-After` to whoever is over its limit, before anything is read. */
export function registerRateLimit(app: FastifyInstance, context: Context): void {
  const buckets = new TokenBuckets(LIMITS.RATE_KEYS_MAX);
  app.addHook("onRequest", (request, reply, done) => {
    const payer = payerOf(context, request);
    const waitMs = buckets.spend(payer.key, RATES[payer.kind], payer.cost, performance.now());
    if (waitMs === 0) {
      done();
      return;
    }
    const waitS = Math.max(1, Math.ceil(waitMs / 1_000));
    context.metrics.registry.count("rateLimited", 1, payer.kind);
    reply.header("retry-after", String(waitS));
    sendProblem(request, reply, tooFast(payer, waitS));
  });
}
