// The members that `tequio up` starts itself: this machine, and on request the four unequal ones
// of the demonstration. Each is a process of its own, as it would be on another machine, so that
// either side may be killed without the other.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Client } from "@tequio/contract";
import { type Outcome, ok } from "@tequio/core/pool";
import { DEMO_MEMBERS, type DemoMember } from "../demo/members.ts";
import { openRelay, type Relay } from "../demo/relay.ts";

/** A member that has not gone after this is killed; its jobs end with their lease. */
const STOP_MS = 15_000;
const NAME_CHARS_MAX = 63;

export interface OwnMember {
  readonly name: string;
  readonly folder: string;
  readonly logFile: string;
  /** Resolves when the agent is connected, or with the exit code it ended with before. */
  readonly ready: Promise<{ readonly connected: boolean; readonly code?: number | null }>;
  readonly ended: Promise<number | null>;
  /** `keepJobs`: they go on and are found again at the next start. */
  stop(keepJobs: boolean): Promise<void>;
}

/** The host's name as a member's name: letters, digits, `.`, `_` and `-` only. */
export function memberNameOf(host: string = hostname()): string {
  const short = host.split(".")[0] ?? "";
  const clean = short.replaceAll(/[^a-zA-Z0-9._-]/g, "-").slice(0, NAME_CHARS_MAX);
  return clean.replaceAll(/^[._-]+|[._-]+$/g, "") || "this-machine";
}

/** Folder of this machine's member, beside the data folder of the pool. */
export const memberFolder = (data: string, name: string): string =>
  join(dirname(data), "members", name);

/** Starts this machine as a member. The invitation is made only when the folder needs one. */
export async function startOwnMember(
  client: Client,
  data: string,
  name: string,
  isolation: string,
): Promise<Outcome<OwnMember>> {
  const folder = memberFolder(data, name);
  const join = await joinToken(client, folder, name);
  if (!join.ok) return join;
  const args = ["--url", client.url, "--isolation", isolation];
  return ok(startAgent(name, folder, args, join.value));
}

/** Starts the demonstration's members; the slow one behind a relay of its own. */
export async function startDemoMembers(
  client: Client,
  data: string,
): Promise<Outcome<{ readonly members: OwnMember[]; readonly relays: Relay[] }>> {
  const members: OwnMember[] = [];
  const relays: Relay[] = [];
  for (const spec of DEMO_MEMBERS) {
    const folder = memberFolder(data, spec.name);
    const join = await joinToken(client, folder, spec.name);
    if (!join.ok) return join;
    let { url } = client;
    if (spec.link !== undefined) {
      const { protocol, port } = new URL(client.url);
      const relay = await openRelay(Number(port), spec.link);
      relays.push(relay);
      // It passes bytes on: what is encrypted for the pool stays so, and its certificate is shown.
      url = `${protocol}//127.0.0.1:${relay.port}`;
    }
    members.push(startAgent(spec.name, folder, ["--url", url, ...lend(spec)], join.value));
  }
  return ok({ members, relays });
}

const LEAST_CPUS = 0.1;
const lend = ({ cpuShare, name }: DemoMember): readonly string[] => [
  ...["--cpu-share", String(cpuShare), "--cpus", String(Math.max(LEAST_CPUS, cpuShare))],
  ...["--memory", "2G", "--node-name", name],
  // They all are this machine, and lend it to nobody else.
  ...["--isolation", "none"],
];

/** A join token unless the folder is a site of this very pool already. */
async function joinToken(
  client: Client,
  folder: string,
  name: string,
): Promise<Outcome<string | undefined>> {
  const pool = await client.call("getPool", {});
  if (!pool.ok) return pool;
  if (poolOf(folder) === pool.value.poolId) return ok(undefined);
  const invited = await client.call("inviteMember", { body: { name } });
  return invited.ok ? ok(invited.value.joinToken) : invited;
}

/** The pool that the folder has joined, if it has. */
function poolOf(folder: string): string | undefined {
  const path = join(folder, "agent.json");
  if (!existsSync(path)) return undefined;
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { poolId?: string }).poolId;
  } catch {
    return undefined; // The agent itself says what is wrong with a damaged folder.
  }
}

function startAgent(
  name: string,
  folder: string,
  args: readonly string[],
  token: string | undefined,
): OwnMember {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const logFile = join(folder, "agent.log");
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  // When this process dies without a word the agent leaves too, but its jobs go on: the next
  // `tequio up` finds them again.
  const own = ["agent", "--folder", folder, "--json", ...args, "--end-with-stdin", "keep"];
  const child = spawn(process.execPath, [main, ...own], {
    stdio: ["pipe", "pipe", openSync(logFile, "a", 0o600)],
    // A group of its own: Ctrl-C reaches only this process, which then stops all in order.
    detached: true,
    // Argument lists can be read by everybody on the machine, environments cannot.
    env: { ...process.env, ...(token === undefined ? {} : { TEQUIO_JOIN_TOKEN: token }) },
  });
  child.stdin?.on("error", () => {});
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  const connected = new Promise<{ connected: boolean }>((done) => {
    child.stdout?.once("data", (chunk: Buffer) => {
      if (chunk.includes('"ready":true')) done({ connected: true });
    });
  });
  const gone = ended.then((code) => ({ connected: false, code }));
  const ready = Promise.race([connected, gone]);
  return { name, folder, logFile, ready, ended, stop: (keep) => stopAgent(child, ended, keep) };
}

async function stopAgent(
  child: ChildProcess,
  ended: Promise<number | null>,
  keepJobs: boolean,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(keepJobs ? "SIGTERM" : "SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(timer);
}
