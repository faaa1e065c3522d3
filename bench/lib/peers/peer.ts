// Runs one peer's method: its processes in their namespaces, each under its site's limit of
// processor time, as the jobs of a member are. Gives the folder with the models it left.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { localEngine } from "@tequio/engines/local";
import {
  addressOf,
  HUB_ADDRESS,
  HUB_NAMESPACE,
  METHODS,
  type Method,
  namespaceOf,
  type Setting,
  within,
} from "./setting.ts";

/** Ports one after another, so that no run meets the last one's closing sockets. */
let nextPort = 29_500;
/** What a method may take beyond its time: gathering, the first batch, the end. */
const MARGIN_MS = 240_000;

export interface PeerRun {
  readonly folder: string;
  /** What each process printed at its end. */
  readonly sites: readonly unknown[];
  readonly trouble: readonly string[];
}

/** What failed stands in `trouble`: a peer that breaks down is a result, too. */
export async function runPeer(
  name: string,
  setting: Setting,
  rate: number,
  scratch: string,
  text: string,
): Promise<PeerRun> {
  const method = METHODS[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  const folder = join(scratch, `${name}-${rate}`);
  mkdirSync(folder, { recursive: true });
  const common = commonArgs(method, setting, rate, folder, text);
  const count = method.sites === "all" ? setting.speeds.length : 1;
  const jobs = Array.from({ length: count }, (_, site) =>
    limited(join(folder, `engine-${site}`), setting.speeds[site]!, setting, [
      ...within(namespaceOf(site), [setting.python, program()]),
      ...["--method", method.program, "--rank", String(site), ...common],
    ]),
  );
  if (method.hub !== undefined) {
    const hub = [setting.python, program(), "--method", method.hub, ...common];
    jobs.push(limited(join(folder, "engine-hub"), 1, setting, within(HUB_NAMESPACE, hub)));
  }
  const ended = await Promise.all(jobs);
  return {
    folder,
    sites: ended.flatMap(({ stdout }) => lastLine(stdout)),
    trouble: ended.flatMap(({ trouble }) => trouble),
  };
}

const program = (): string => new URL("./site.py", import.meta.url).pathname;

function commonArgs(
  method: Method,
  setting: Setting,
  rate: number,
  folder: string,
  text: string,
): readonly string[] {
  nextPort += 1;
  const steps = method.steps?.(setting) ?? [];
  return [
    ...["--sites", String(setting.speeds.length), "--seed", String(setting.seed)],
    ...["--address", method.hub === undefined ? addressOf(0) : HUB_ADDRESS],
    ...["--port", String(nextPort), "--text", text, "--out", folder],
    ...["--model", JSON.stringify(setting.model), "--seconds", String(setting.seconds)],
    ...["--lr", String(rate), "--batches", method.batches(setting).join(",")],
    ...["--steps", steps.join(","), "--outer-rate", String(method.outer?.rate ?? 0)],
    ...["--outer-momentum", String(method.outer?.momentum ?? 0)],
  ];
}

interface Ended {
  readonly stdout: string;
  readonly trouble: readonly string[];
}

async function limited(
  folder: string,
  cpuShare: number,
  { seconds }: Setting,
  command: readonly string[],
): Promise<Ended> {
  mkdirSync(folder, { recursive: true });
  const engine = localEngine({ folder, cpuShare });
  try {
    const env = { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
    const timeoutMs = seconds * 1_000 + MARGIN_MS;
    // The engine throws standard error away; here it tells why a peer failed.
    const kept = ["sh", "-c", `exec "$@" 2> "${join(folder, "stderr")}"`, "sh", ...command];
    const measured = await engine.measure({ command: kept, env, timeoutMs });
    if (!measured.ok) return { stdout: "", trouble: [measured.message] };
    const { stdout, exitCode } = measured.value;
    return { stdout, trouble: exitCode === 0 ? [] : [`a process ended with ${exitCode}`] };
  } finally {
    await engine.close();
  }
}

function lastLine(stdout: string): readonly unknown[] {
  const line = stdout
    .trim()
    .split("\n")
    .findLast((one) => one.startsWith("{"));
  return line === undefined ? [] : [JSON.parse(line)];
}
