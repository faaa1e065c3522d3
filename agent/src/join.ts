// How a folder becomes a site: the join token is exchanged once for a site under the folder's own
// key. It also decides what a new token means for a folder that has joined before. It leaves the
// connection itself to gateway.ts, and whether there is anything to join to which-site.ts, which
// loads this only then: an agent that has joined never needs the client and its schemas.
import type { KeyObject } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeJoinToken, JoinView, makeClient } from "@tequio/contract";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { addressesOf, PoolAddresses } from "./addresses.ts";
import { fetchShowing } from "./client-fetch.ts";
import { hashOfToken, publicKeyOf, type SiteRecord, writeSite } from "./folder.ts";
import { Gateway } from "./gateway.ts";
import type { AgentTiming, JoinOptions } from "./options.ts";
import type { Say } from "./say.ts";
import { pinnedCertificate, trustCertificate } from "./trust.ts";

/** Pause between two tries of the first join. */
const JOIN_PAUSE_MS = 1_000;
/** One try; a pool that takes longer is as good as not there. */
const JOIN_TRY_MS = 10_000;

export interface JoinContext {
  readonly options: JoinOptions;
  readonly key: KeyObject;
  readonly timing: AgentTiming;
  readonly say: Say;
}

/**
 * Exchanges a join token that this folder has not used before; `site` is what it is already.
 * Refusals: those of `/v1/join`, POOL_UNREACHABLE, ALREADY_EXISTS (a site that its pool still
 * knows).
 */
export async function joinWith(
  context: JoinContext,
  token: string,
  site: SiteRecord | undefined,
): Promise<Outcome<SiteRecord>> {
  const { options, say } = context;
  if (site === undefined) return joinPool(context, token, 1);
  const answer = await knock(context, site);
  if (answer !== "welcome" && answer.code === "SITE_UNKNOWN") {
    say("warn", "The old pool does not know this site any more; joining anew.", {
      site: site.siteId,
    });
    return joinPool(context, token, site.generation + 1);
  }
  const why = answer === "welcome" ? "" : ` Its pool could not be asked: ${answer.message}`;
  return refuse(
    "ALREADY_EXISTS",
    `The folder ${options.folder} is the site ${site.siteId} of ${site.member} already.${why}`,
    "Start without --join to go on as this site, or join with another --folder.",
  );
}

async function joinPool(
  context: JoinContext,
  token: string,
  generation: number,
): Promise<Outcome<SiteRecord>> {
  const { options, key, timing, say } = context;
  const decoded = decodeJoinToken(token);
  if (!decoded.ok) return decoded;
  const poolUrl = options.poolUrl ?? decoded.value.url;
  if (!/^https?:\/\//.test(poolUrl)) {
    const hint = "The address of a pool starts with http:// or https://.";
    return refuse("USAGE", `\`${poolUrl}\` is not the address of a pool.`, hint);
  }
  const { pin } = decoded.value;
  const [first = poolUrl] = addressesOf(poolUrl);
  const pinned = pin === undefined ? ok(undefined) : await pinnedCertificate(first, pin);
  if (!pinned.ok) return pinned;
  const certificate = pinned.value;
  if (certificate !== undefined) trustCertificate(certificate);
  const body = {
    joinToken: token,
    publicKey: publicKeyOf(key),
    engine: options.engineName,
  };
  const shown = options.tls === undefined ? {} : { fetch: fetchShowing(options.tls) };
  const giveUpAt = performance.now() + timing.joinForMs;
  const addresses = new PoolAddresses(poolUrl);
  for (;;) {
    const signal = AbortSignal.timeout(JOIN_TRY_MS);
    const reply = await makeClient({ url: addresses.current, ...shown }).call("joinPool", {
      body,
      signal,
    });
    if (reply.ok) return keep(context, reply.value, { poolUrl, token, generation, certificate });
    if (reply.code !== "POOL_UNREACHABLE") return reply;
    if (performance.now() + JOIN_PAUSE_MS > giveUpAt) {
      const hint = `Check the address ${poolUrl} and that this machine may open it.`;
      return { ...reply, hint };
    }
    say("warn", `${reply.message} Trying again.`);
    addresses.failed();
    await sleep(JOIN_PAUSE_MS);
  }
}

function keep(
  context: JoinContext,
  reply: unknown,
  how: {
    readonly poolUrl: string;
    readonly token: string;
    readonly generation: number;
    readonly certificate: string | undefined;
  },
): Outcome<SiteRecord> {
  const view = JoinView.safeParse(reply);
  if (!view.success) {
    const hint = "Bring the agent and the pool to the same version.";
    return refuse("INTERNAL", `${how.poolUrl} answered the join with another shape.`, hint);
  }
  const site: SiteRecord = {
    ...view.data,
    poolUrl: how.poolUrl,
    tokenHash: hashOfToken(how.token),
    generation: how.generation,
    ...(how.certificate === undefined ? {} : { certificate: how.certificate }),
  };
  writeSite(context.options.folder, site);
  context.say("info", "Joined the pool.", {
    site: site.siteId,
    member: site.member,
    pool: site.poolId,
  });
  return ok(site);
}

/** Asks the site's pool whether it still knows it. */
function knock(context: JoinContext, site: SiteRecord): Promise<"welcome" | Refusal> {
  const { options, key, timing } = context;
  const poolUrl = options.poolUrl ?? site.poolUrl;
  return new Promise((done) => {
    const finish = (answer: "welcome" | Refusal) => {
      clearTimeout(timer);
      void gateway.close().then(() => done(answer));
    };
    const timer = setTimeout(() => {
      const hint = "Start the pool, or join with another --folder.";
      finish(refuse("POOL_UNREACHABLE", `The pool at ${poolUrl} does not answer.`, hint));
    }, timing.joinForMs);
    const gateway = new Gateway({
      ...{ poolUrl, poolId: site.poolId, siteId: site.siteId, key, version: options.version },
      ...{ timing, random: options.random ?? Math.random, say: () => {} },
      tls: options.tls,
      onWelcome: () => finish("welcome"),
      onMessage: () => {},
      onCut: () => {},
      onRefused: finish,
    });
  });
}
