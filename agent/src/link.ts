// How fast the way between a site and its pool is: short transfers down and up. What a process
// that runs for weeks would keep of them (the HTTP client, its buffers) goes away with the process
// that makes them, so agents run probe.ts for it. Pings are the connection's own (gateway.ts).
import type { Link } from "@tequio/core/pool";
import { fetchShowing } from "./client-fetch.ts";
import type { TlsFiles } from "./options.ts";

export interface TransferOptions {
  readonly poolUrl: string;
  readonly siteToken: string;
  /** How long each way is measured, in milliseconds. */
  readonly probeMs: number;
  /** The site's certificate, for pools that want one. */
  readonly tls?: TlsFiles;
}

export type Rates = Pick<Link, "upMbitPerS" | "downMbitPerS">;

/** First transfer: at 1 Mbit/s it takes half a second. */
const PROBE_FIRST_BYTES = 65_536;
/** Largest transfer: at 1 Gbit/s it takes 34 ms. Four times as much would not be more exact. */
const PROBE_BYTES_MAX = 4_194_304;
/** How much larger the next transfer is while they are over too soon to be exact. */
const PROBE_GROWTH = 4;

/** Measures both ways; `signal` ends it early. Throws what the transfers throw. */
export async function measureRates(options: TransferOptions, signal: AbortSignal): Promise<Rates> {
  const base = options.poolUrl.replace(/\/+$/, "");
  const headers = { authorization: `Bearer ${options.siteToken}` };
  const ask = options.tls === undefined ? fetch : fetchShowing(options.tls);
  const download = async (bytes: number, signal: AbortSignal) => {
    const reply = await ask(`${base}/v1/probe?bytes=${bytes}`, { headers, signal });
    return drain(reply);
  };
  const body = new Uint8Array(PROBE_BYTES_MAX);
  crypto.getRandomValues(body.subarray(0, 65_536));
  const upload = async (bytes: number, signal: AbortSignal) => {
    const init = { method: "POST", body: body.subarray(0, bytes), signal };
    const type = { "content-type": "application/octet-stream" };
    const reply = await ask(`${base}/v1/probe`, { ...init, headers: { ...headers, ...type } });
    await drain(reply);
    return bytes;
  };
  const downMbitPerS = await mbitPerS(download, options.probeMs, signal);
  const upMbitPerS = await mbitPerS(upload, options.probeMs, signal);
  return { downMbitPerS, upMbitPerS };
}

/** Bytes of a reply that is thrown away. Throws on a refusal. */
async function drain(reply: Response): Promise<number> {
  let bytes = 0;
  for await (const piece of reply.body ?? []) bytes += (piece as Uint8Array).length;
  if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
  return bytes;
}

/**
 * Transfers ever more for about `forMs`; the best rate counts, because small transfers mostly
 * measure the round-trip. A transfer that takes three times as long is given up, and its rate is
 * then known only to be below what it would have been.
 */
async function mbitPerS(
  transfer: (bytes: number, signal: AbortSignal) => Promise<number>,
  forMs: number,
  ended: AbortSignal,
): Promise<number> {
  const startedAt = performance.now();
  let best = 0;
  for (let bytes = PROBE_FIRST_BYTES; performance.now() - startedAt < forMs; ) {
    const tooLong = AbortSignal.timeout(3 * forMs);
    const beganAt = performance.now();
    let moved = bytes;
    try {
      moved = await transfer(bytes, AbortSignal.any([tooLong, ended]));
    } catch (error) {
      if (ended.aborted) throw error;
      // A pool that takes no larger transfers has been measured with the smaller ones.
      if (best > 0) break;
      if (!tooLong.aborted) throw error;
    }
    const tookMs = Math.max(performance.now() - beganAt, 0.01);
    best = Math.max(best, (moved * 8) / tookMs / 1_000);
    if (tookMs < forMs / PROBE_GROWTH) bytes = Math.min(PROBE_BYTES_MAX, bytes * PROBE_GROWTH);
  }
  return best;
}
