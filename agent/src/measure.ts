// Measures a site in about five seconds: its machine in a process of its own under the engine's
// limits, and its link to the pool with pings and short transfers. It leaves to agent.ts when.
import type { Calibration, Link, Outcome } from "@tequio/core/pool";
import { ok, refuse } from "@tequio/core/pool";
import type { Engine } from "@tequio/engines";
import type { MachineFigures } from "./benchmark.ts";
import type { AgentTiming } from "./options.ts";
import { whyOf } from "./say.ts";

export interface MeasureSiteOptions {
  readonly engine: Engine;
  readonly calibrationCommand: readonly string[];
  readonly poolUrl: string;
  readonly siteToken: string;
  readonly timing: AgentTiming;
  /** Middle round-trip to the pool; undefined when the connection is gone. */
  readonly roundTripMs: () => Promise<number | undefined>;
  /** Ends the transfers early; the measuring then counts as failed. */
  readonly signal: AbortSignal;
}

/** A process on a small processor share takes seconds to start; beyond this something hangs. */
const MACHINE_EXTRA_MS = 15_000;
/** First transfer: at 1 Mbit/s it takes half a second. */
const PROBE_FIRST_BYTES = 65_536;
/** Largest transfer: at 1 Gbit/s it takes 34 ms. Four times as much would not be more exact, and
 * an agent would keep the memory that it took. */
const PROBE_BYTES_MAX = 4_194_304;
/** How much larger the next transfer is while they are over too soon to be exact. */
const PROBE_GROWTH = 4;

/** Measures everything. Refusals: ENGINE_FAILED, POOL_UNREACHABLE. */
export async function measureSite(options: MeasureSiteOptions): Promise<Outcome<Calibration>> {
  const machine = await measureMachine(options);
  if (!machine.ok) return machine;
  const link = await measureLink(options);
  if (!link.ok) return link;
  return ok({ ...machine.value, link: link.value });
}

async function measureMachine(options: MeasureSiteOptions): Promise<Outcome<MachineFigures>> {
  const { engine, calibrationCommand, timing } = options;
  const { gemmMs, memoryMs } = timing;
  const measured = await engine.measure({
    command: [...calibrationCommand, String(gemmMs), String(memoryMs)],
    env: {},
    timeoutMs: gemmMs + memoryMs + MACHINE_EXTRA_MS,
  });
  if (!measured.ok) return measured;
  const { stdout, exitCode } = measured.value;
  try {
    const { gemmGflops, memoryGBPerS } = JSON.parse(stdout) as MachineFigures;
    if (gemmGflops > 0 && memoryGBPerS > 0) return ok({ gemmGflops, memoryGBPerS });
  } catch {
    // Falls through: output that is not JSON gets the same answer as figures that make no sense.
  }
  const message = `The calibration gave no figures (exit code ${exitCode}).`;
  return refuse("ENGINE_FAILED", message, `Run it by hand: ${calibrationCommand.join(" ")}`);
}

async function measureLink(options: MeasureSiteOptions): Promise<Outcome<Link>> {
  const { poolUrl, siteToken, timing, roundTripMs } = options;
  const base = poolUrl.replace(/\/+$/, "");
  const headers = { authorization: `Bearer ${siteToken}` };
  const lost = (why: string) => {
    const hint = "It is measured again later.";
    return refuse("POOL_UNREACHABLE", `The link to ${base} could not be measured (${why}).`, hint);
  };
  const rttMs = await roundTripMs();
  if (rttMs === undefined) return lost("the connection broke");
  const download = async (bytes: number, signal: AbortSignal) => {
    const reply = await fetch(`${base}/v1/probe?bytes=${bytes}`, { headers, signal });
    return drain(reply);
  };
  const body = new Uint8Array(PROBE_BYTES_MAX);
  crypto.getRandomValues(body.subarray(0, 65_536));
  const upload = async (bytes: number, signal: AbortSignal) => {
    const init = { method: "POST", body: body.subarray(0, bytes), signal };
    const type = { "content-type": "application/octet-stream" };
    const reply = await fetch(`${base}/v1/probe`, { ...init, headers: { ...headers, ...type } });
    await drain(reply);
    return bytes;
  };
  try {
    const downMbitPerS = await mbitPerS(download, timing.probeMs, options.signal);
    const upMbitPerS = await mbitPerS(upload, timing.probeMs, options.signal);
    return ok({ rttMs, upMbitPerS, downMbitPerS });
  } catch (error) {
    return lost(whyOf(error));
  }
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
