// Measures a site in about five seconds: its machine in a process of its own under the engine's
// limits, and its link to the pool with pings and short transfers. It leaves to agent.ts when.
import { execFile } from "node:child_process";
import type { Calibration, Link, Outcome } from "@tequio/core/pool";
import { ok, refuse } from "@tequio/core/pool";
import type { Engine } from "@tequio/engines";
import type { MachineFigures } from "./benchmark.ts";
import type { Rates, TransferOptions } from "./link.ts";
import type { AgentTiming, TlsFiles } from "./options.ts";
import { whyOf } from "./say.ts";
import { believedCertificates } from "./trust.ts";

export interface MeasureSiteOptions {
  readonly engine: Engine;
  readonly calibrationCommand: readonly string[];
  /** Runs probe.ts; absent: the transfers are made in this process. */
  readonly probeCommand: readonly string[] | undefined;
  readonly poolUrl: string;
  readonly siteToken: string;
  /** The site's certificate, for pools that want one. */
  readonly tls: TlsFiles | undefined;
  readonly timing: AgentTiming;
  /** Middle round-trip to the pool; undefined when the connection is gone. */
  readonly roundTripMs: () => Promise<number | undefined>;
  /** Ends the transfers early; the measuring then counts as failed. */
  readonly signal: AbortSignal;
}

/** A process on a small processor share takes seconds to start; beyond this something hangs. */
const MACHINE_EXTRA_MS = 15_000;
/** A transfer is given up after three times the probe's time, and may have begun at its end. */
const PROBE_TRY_FACTOR = 4;

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
  const { poolUrl, siteToken, timing, roundTripMs, probeCommand, signal, tls } = options;
  const lost = (why: string) => {
    const hint = "It is measured again later.";
    const message = `The link to ${poolUrl} could not be measured (${why}).`;
    return refuse("POOL_UNREACHABLE", message, hint);
  };
  const rttMs = await roundTripMs();
  if (rttMs === undefined) return lost("the connection broke");
  try {
    const what = { poolUrl, siteToken, probeMs: timing.probeMs };
    const transfers = tls === undefined ? what : { ...what, tls };
    const rates =
      probeCommand === undefined
        ? await (await import("./link.ts")).measureRates(transfers, signal)
        : await ratesOf(probeCommand, transfers, signal);
    return ok({ rttMs, ...rates });
  } catch (error) {
    return lost(whyOf(error));
  }
}

/** Has the transfers made by a process of their own. Throws its words when it gives no figures. */
function ratesOf(
  [program = "", ...args]: readonly string[],
  transfers: TransferOptions,
  signal: AbortSignal,
): Promise<Rates> {
  const timeout = 2 * PROBE_TRY_FACTOR * transfers.probeMs + MACHINE_EXTRA_MS;
  return new Promise((done, fail) => {
    const child = execFile(program, args, { signal, timeout }, (error, stdout, stderr) => {
      const words = stderr.trim().split("\n").at(-1) || error?.message;
      try {
        const { upMbitPerS, downMbitPerS } = JSON.parse(stdout) as Rates;
        if (upMbitPerS > 0 && downMbitPerS > 0) return done({ upMbitPerS, downMbitPerS });
      } catch {
        // Not JSON: the same answer as figures that make no sense.
      }
      fail(new Error(words ?? "no figures"));
    });
    // The token goes where no other user of the machine can read it.
    child.stdin?.on("error", () => undefined); // it died at once; its end tells
    child.stdin?.end(JSON.stringify({ ...transfers, certificates: believedCertificates() }));
  });
}
