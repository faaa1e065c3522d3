// What `tequio doctor` asks a running pool: its store and disk, its certificate, and its sites with
// their agents. Everything is asked as any client could; what the token may not see is said so.
import { connect } from "node:tls";
import type { PoolAddress } from "@tequio/cli";
import { type MemberView, makeClient } from "@tequio/contract";
import { LIMITS } from "@tequio/core/pool";
import type { Check } from "./doctor-checks.ts";

const ASK_MS = 5_000;
const DAY_MS = 86_400_000;
const GIB = 2 ** 30;
/** A certificate that ends sooner should have been renewed: most are with a month left. */
const CERTIFICATE_WARN_DAYS = 21;
/** Below this the pool is not ready soon; below the other a large model does not fit. */
const FREE_FAIL_GIB = 0.5;
const FREE_WARN_GIB = 5;
/** An append that takes longer on average holds up every submission. */
const APPEND_WARN_MS = 50;
const NAMES_SHOWN_MAX = 5;

/** Checks of a pool that answers. `version` is the pool's. */
export async function runningChecks(
  address: PoolAddress,
  version: string,
): Promise<readonly Check[]> {
  const checks = await Promise.all([
    store(address),
    certificate(address.url),
    sites(address, version),
  ]);
  return checks.flat();
}

async function ask({ url, token }: PoolAddress, path: string): Promise<Response | undefined> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(ASK_MS);
  return fetch(url.replace(/\/+$/, "") + path, { headers, signal }).catch(() => undefined);
}

interface Ready {
  readonly ready: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly why?: string;
  }[];
}

async function store(address: PoolAddress): Promise<readonly Check[]> {
  const [probe, page] = await Promise.all([ask(address, "/readyz"), ask(address, "/metrics")]);
  const ready = (await probe?.json().catch(() => undefined)) as Ready | undefined;
  const metrics = page?.ok === true ? samplesOf(await page.text()) : undefined;
  const checks = [readyCheck(ready)];
  if (metrics === undefined) return checks;
  return [...checks, journalCheck(metrics), ...diskCheck(metrics.get("tequio_store_free_bytes"))];
}

function readyCheck(ready: Ready | undefined): Check {
  const name = "Ready";
  if (ready?.ready === true) return { name, state: "ok", found: "the pool takes work" };
  const wrong = ready?.checks?.filter(({ ok }) => !ok) ?? [];
  const found = wrong.map((one) => `${one.name}: ${one.why ?? "not well"}`).join("; ");
  const hint = "Look at the pool's log; submissions are refused meanwhile.";
  return { name, state: "fail", found: found === "" ? "no answer" : found, hint };
}

/** The samples without labels of a page of metrics. */
export function samplesOf(page: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of page.split("\n")) {
    const [, name, value] = /^(\w+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined) samples.set(name, Number(value));
  }
  return samples;
}

function journalCheck(metrics: ReadonlyMap<string, number>): Check {
  const figure = (name: string): number => metrics.get(name) ?? 0;
  const count = figure("tequio_journal_append_seconds_count");
  const appendMs = count === 0 ? 0 : (figure("tequio_journal_append_seconds_sum") / count) * 1_000;
  const minutes = Math.round(figure("tequio_snapshot_age_seconds") / 60);
  const found =
    `${figure("tequio_journal_sequence").toLocaleString("en")} events, ` +
    `${appendMs.toFixed(1)} ms to make some durable, snapshot or start ${minutes} min ago`;
  if (appendMs <= APPEND_WARN_MS) return { name: "Journal", state: "ok", found };
  const hint = "The disk or database of the journal is slow; a local SSD takes 1 to 5 ms.";
  return { name: "Journal", state: "warn", found, hint };
}

function diskCheck(freeBytes: number | undefined): readonly Check[] {
  if (freeBytes === undefined) return [];
  const free = freeBytes / GIB;
  const found = `${free.toFixed(1)} GiB free`;
  if (free >= FREE_WARN_GIB) return [{ name: "Pool's disk", state: "ok", found }];
  const state = free < FREE_FAIL_GIB ? "fail" : "warn";
  return [{ name: "Pool's disk", state, found, hint: "Make room: models and logs lie there." }];
}

async function certificate(url: string): Promise<readonly Check[]> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "https:") return [];
  const host = hostname.replace(/^\[|\]$/g, "");
  const end = await new Promise<string | undefined>((resolve) => {
    // Whether it is trusted was judged by the requests before; here only its end is read.
    const options = {
      host,
      port: Number(port || 443),
      servername: host,
      rejectUnauthorized: false,
    };
    const socket = connect({ ...options, timeout: ASK_MS }, () => {
      resolve(socket.getPeerCertificate().valid_to);
      socket.end();
    });
    const give = (): void => {
      resolve(undefined);
      socket.destroy();
    };
    socket.on("error", give).on("timeout", give);
  });
  return [certificateCheck(end === undefined ? undefined : Date.parse(end), Date.now())];
}

/** How long a certificate that ends then is still good. */
export function certificateCheck(endMs: number | undefined, nowMs: number): Check {
  const name = "Certificate";
  const hint = "Renew it and start the pool with the new one.";
  if (endMs === undefined) return { name, state: "warn", found: "could not be read", hint };
  const days = Math.floor((endMs - nowMs) / DAY_MS);
  const date = new Date(endMs).toISOString().slice(0, 10);
  if (days < 0) return { name, state: "fail", found: `expired on ${date}`, hint };
  const found = `good for ${days} days, until ${date}`;
  return days < CERTIFICATE_WARN_DAYS
    ? { name, state: "warn", found, hint }
    : { name, state: "ok", found };
}

async function sites({ url, token }: PoolAddress, version: string): Promise<readonly Check[]> {
  const client = makeClient(token === undefined ? { url } : { url, token });
  const reply = await client.call("listMembers", {
    query: { limit: LIMITS.PAGE_ROWS_MAX },
    signal: AbortSignal.timeout(ASK_MS),
  });
  return reply.ok ? siteChecks(reply.value.rows, version) : [];
}

const listed = (names: readonly string[]): string =>
  names.slice(0, NAMES_SHOWN_MAX).join(", ") +
  (names.length > NAMES_SHOWN_MAX ? ` and ${names.length - NAMES_SHOWN_MAX} more` : "");

/** Which sites are away, and whose agents are of another version than the pool. */
export function siteChecks(members: readonly MemberView[], version: string): readonly Check[] {
  const all = members.flatMap((member) => member.sites);
  if (all.length === 0) {
    const hint = "Invite one with `tequio member invite NAME`, or start `up` without --no-member.";
    return [{ name: "Sites", state: "warn", found: "none has joined", hint }];
  }
  const away = all.filter(({ state }) => state !== "here").map(({ member }) => member);
  const here = `${all.length - away.length} of ${all.length} are here`;
  const sitesCheck: Check =
    away.length === 0
      ? { name: "Sites", state: "ok", found: here }
      : {
          ...{ name: "Sites", state: "warn", found: `${here}; away: ${listed(away)}` },
          hint: "At the member: `tequio agent` must run and reach the pool.",
        };
  const others = all.filter((site) => site.state === "here" && site.agentVersion !== version);
  if (others.length === 0) {
    const found = `all that are here have ${version}`;
    return [sitesCheck, { name: "Agents", state: "ok", found }];
  }
  const names = others.map((site) => `${site.member} (${site.agentVersion ?? "unknown"})`);
  const found = `another version than the pool's ${version}: ${listed(names)}`;
  const hint = "Update them; agents wait for their jobs before they end.";
  return [sitesCheck, { name: "Agents", state: "warn", found, hint }];
}
