// The checks of `tequio doctor`. Each looks at one thing and answers with a state, what it found,
// and a hint when something can be done. None of them changes anything.
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, freemem, tmpdir, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { findPool, type PoolAddress, type Shell } from "@tequio/cli";
import { makeClient, type PoolView } from "@tequio/contract";
import type { Node } from "@tequio/core/pool";

import { runningChecks } from "./doctor-pool.ts";
import { whyUnwritable } from "./folder.ts";

export interface Check {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly found: string;
  readonly hint?: string;
}

export interface DoctorOptions {
  readonly data: string;
  readonly port: number;
}

const GIB = 2 ** 30;
const NODE_MAJOR_MIN = 24;
/** Below this the journal may not take a day; below the other a checkpoint does not fit. */
const FREE_FAIL_GIB = 0.2;
const FREE_WARN_GIB = 5;
/** Agents and people compare times; leases do not depend on wall clocks. */
const SKEW_WARN_MS = 5_000;
const ASK_MS = 5_000;

/** Runs all checks, in the order in which a person would mend them. */
export async function runChecks(options: DoctorOptions, shell: Shell): Promise<readonly Check[]> {
  const address = findPool(shell.globals(), shell.terminal);
  const pool = await askPool(address, shell.terminal.nowMs);
  return [
    nodeVersion(),
    machine(),
    await accelerators(),
    await trainingEngine(),
    dataFolder(resolve(shell.terminal.cwd, options.data)),
    await consoleBuilt(),
    await portFree(options.port, address.url, pool.state === "ok"),
    ...poolChecks(address, pool, shell),
    ...(pool.state === "ok" ? await runningChecks(address, pool.view.version) : []),
  ];
}

function nodeVersion(): Check {
  const good = Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN;
  return {
    ...{ name: "Node", state: good ? "ok" : "fail", found: process.version },
    ...(good ? {} : { hint: `Install Node ${NODE_MAJOR_MIN} or newer.` }),
  };
}

const machine = (): Check => ({
  ...{ name: "Machine", state: "ok" },
  found:
    `${process.platform} ${process.arch}, ${availableParallelism()} cores, ` +
    `${(totalmem() / GIB).toFixed(0)} GiB memory (${(freemem() / GIB).toFixed(0)} free)`,
});

/** What the agent would lend, found the same way. */
async function accelerators(): Promise<Check> {
  const name = "Accelerators";
  const folder = mkdtempSync(join(tmpdir(), "tequio-doctor-"));
  try {
    const { localEngine } = await import("@tequio/engines/local");
    const engine = localEngine({ folder });
    const nodes = await engine.inventory();
    await engine.close();
    return { name, state: "ok", found: acceleratorText(nodes) };
  } catch (error) {
    const hint = "The agent cannot start here; run it to see the whole message.";
    return { name, state: "fail", found: whyOf(error), hint };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `2x GPU NVIDIA H100 (80 GiB)`. */
export function acceleratorText(nodes: readonly Node[]): string {
  const counts = new Map<string, number>();
  for (const { kind, vendor, model, memoryMiB } of nodes.flatMap((node) => node.accelerators)) {
    const name = `${kind.toUpperCase()} ${vendor} ${model} (${Math.round(memoryMiB / 1_024)} GiB)`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count}x ${name}`).join(", ") || "none";
}

async function trainingEngine(): Promise<Check> {
  const name = "Training";
  const { openExecutor } = await import("@tequio/trainer");
  const opened = await openExecutor({ threads: 1 });
  if (!opened.ok) return { name, state: "fail", found: opened.message, hint: opened.hint };
  const { executor, fallbackReason } = opened.value;
  const found = `${executor.version}, ${executor.kind}`;
  if (fallbackReason === undefined) return { name, state: "ok", found };
  return {
    ...{ name, state: "warn", found: `${found} (${fallbackReason})` },
    hint: "Trainings run, at a fraction of the speed. The native engine is an optional dependency.",
  };
}

function dataFolder(path: string): Check {
  const name = "Data folder";
  const why = whyUnwritable(path);
  if (why !== undefined) {
    const hint = "Give a folder that this user may write with --data.";
    return { name, state: "fail", found: `${path} cannot be used (${why})`, hint };
  }
  let at = path;
  while (!existsSync(at)) at = dirname(at);
  const { bavail, bsize } = statfsSync(at);
  const freeGiB = (bavail * bsize) / GIB;
  const made = at === path ? "" : ", not made yet";
  const found = `${path}${made}; ${freeGiB.toFixed(1)} GiB free`;
  if (freeGiB >= FREE_WARN_GIB) return { name, state: "ok", found };
  const state = freeGiB < FREE_FAIL_GIB ? "fail" : "warn";
  return { name, state, found, hint: "Make room: checkpoints and logs lie there." };
}

async function consoleBuilt(): Promise<Check> {
  const { consoleFolder } = await import("../up.ts");
  const folder = consoleFolder();
  if (folder !== undefined) return { name: "Console", state: "ok", found: folder };
  const hint = "In the repository `npm run prepare` builds it.";
  return { name: "Console", state: "warn", found: "not built", hint };
}

async function portFree(port: number, poolUrl: string, answers: boolean): Promise<Check> {
  const name = "Port";
  const code = await new Promise<string | undefined>((done) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen(port, "127.0.0.1", () => server.close(() => done(undefined)));
  });
  if (code === undefined) return { name, state: "ok", found: `${port} is free` };
  if (answers && new URL(poolUrl).port === String(port)) {
    return { name, state: "ok", found: `${port} is the pool's` };
  }
  const hint = `Start with another port: \`tequio up --port ${port + 1}\`.`;
  return { name, state: "warn", found: `${port} cannot be had (${code})`, hint };
}

type PoolAnswer =
  | {
      readonly state: "ok";
      readonly view: PoolView;
      readonly tookMs: number;
      /** The pool's clock less ours, at the middle of the question. */
      readonly skewMs: number;
    }
  | {
      readonly state: "no";
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    };

async function askPool({ url, token }: PoolAddress, nowMs: () => number): Promise<PoolAnswer> {
  const client = makeClient(token === undefined ? { url } : { url, token });
  const startMs = performance.now();
  const reply = await client.call("getPool", { signal: AbortSignal.timeout(ASK_MS) });
  if (!reply.ok) return { ...reply, state: "no" };
  const tookMs = performance.now() - startMs;
  const skewMs = reply.value.nowMs + tookMs / 2 - nowMs();
  return { state: "ok", view: reply.value, tookMs, skewMs };
}

function poolChecks(address: PoolAddress, pool: PoolAnswer, shell: Shell): readonly Check[] {
  const name = "Pool";
  const from = `${address.url} (from the ${address.from})`;
  if (pool.state === "no") {
    // No pool at an address that nobody asked for is how every new machine looks.
    const missing = pool.code === "POOL_UNREACHABLE";
    const asked = address.from === "flags" || address.from === "environment";
    const state = missing && !asked ? "warn" : "fail";
    const found = missing ? `none at ${from}` : `${from}: ${pool.message}`;
    return [{ name, state, found, hint: pool.hint }];
  }
  const { view, tookMs, skewMs } = pool;
  const took = `${Math.round(tookMs)} ms`;
  const checks: Check[] = [
    { name, state: "ok", found: `${view.name} at ${from} answers in ${took}` },
  ];
  const same = view.version === shell.version;
  checks.push({
    ...{ name: "Version", state: same ? "ok" : "warn" },
    found: same ? `${view.version} here and there` : `${shell.version} here, ${view.version} there`,
    ...(same ? {} : { hint: "Bring both to the same version." }),
  });
  checks.push(clock(skewMs));
  return checks;
}

function clock(skewMs: number): Check {
  const name = "Clock";
  const off = `${(Math.abs(skewMs) / 1_000).toFixed(1)} s`;
  if (Math.abs(skewMs) <= SKEW_WARN_MS)
    return { name, state: "ok", found: `${off} off the pool's` };
  const found = `${off} ${skewMs > 0 ? "behind" : "ahead of"} the pool's`;
  return { name, state: "warn", found, hint: "Let a time service set it (NTP)." };
}

const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
