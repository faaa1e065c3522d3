// A pool of real processes for the console's suite: a control plane and agents as a user starts
// them, in a folder of their own. Everything started here is ended here, by its own process id.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, makeClient } from "@tequio/contract";

const PROGRAM = join(import.meta.dirname, "..", "..", "tequio", "bin", "tequio.js");
/** Longest wait for a process to do what a test needs. Two slow cores start one in 5 s. */
const WAIT_MS = 30_000;

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  /** The first line of JSON on its standard output. */
  readonly line: Promise<Readonly<Record<string, unknown>>>;
}

function start(home: string, args: readonly string[]): Started {
  const child = spawn(process.execPath, [PROGRAM, ...args, "--json", "--end-with-stdin"], {
    env: { ...process.env, XDG_CONFIG_HOME: home, NO_COLOR: "1" },
  });
  child.stdin.on("error", () => {});
  let out = "";
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise((done) => child.once("exit", done));
  const line = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      const found = out.split("\n").find((one) => one.startsWith("{") && one.endsWith("}"));
      if (found !== undefined) resolve(JSON.parse(found) as Readonly<Record<string, unknown>>);
    });
    void ended.then((code) => reject(new Error(`ended with ${code} before a line: ${errors}`)));
  });
  line.catch(() => {});
  return { child, ended, line };
}

/** Waits until `done` holds; fails after `WAIT_MS`. */
export async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_MS;
  while (!(await done())) {
    if (performance.now() > endMs) throw new Error(`waited ${WAIT_MS} ms for: ${what}`);
    await sleep(200);
  }
}

export interface RealPool {
  readonly url: string;
  readonly token: string;
  readonly client: Client;
  /** Starts the agent of an invited member; resolves when its site is here and measured. */
  readonly agent: (name: string, joinToken: string) => Promise<void>;
  /** Ends a member's agent, as its owner would with Ctrl-C. */
  readonly leave: (name: string) => Promise<void>;
  /** Ends everything in order and removes the folder. */
  readonly stop: () => Promise<void>;
}

/** Starts a control plane on a free port, or as the flags say. */
export async function startRealPool(flags: readonly string[] = []): Promise<RealPool> {
  const folder = mkdtempSync(join(tmpdir(), "tequio-console-"));
  const home = join(folder, "home");
  const agents = new Map<string, Started>();
  const up = start(home, [
    ...["up", "--no-member", "--no-open", "--port", "0", ...flags],
    ...["--data", join(folder, "pool")],
  ]);
  const stop = async (): Promise<void> => {
    for (const one of agents.values()) one.child.kill("SIGINT");
    await Promise.all([...agents.values()].map((one) => one.ended));
    up.child.kill("SIGINT");
    await up.ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const ready = await up.line.catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const [url, token] = [String(ready.url), String(ready.token)];
  const client = makeClient({ url, token });

  async function agent(name: string, joinToken: string): Promise<void> {
    const own = ["--folder", join(folder, "members", name), "--node-name", name];
    agents.set(name, start(home, ["agent", "--join", joinToken, ...own, "--cpu-share", "0.5"]));
    await until(`${name} is here`, async () => {
      const members = await client.call("listMembers", {});
      const site = members.ok && members.value.rows.find((row) => row.name === name)?.sites[0];
      return site !== false && site?.state === "here" && site.calibration !== undefined;
    });
  }

  async function leave(name: string): Promise<void> {
    agents.get(name)?.child.kill("SIGINT");
    await agents.get(name)?.ended;
  }

  return { url, token, client, agent, leave, stop };
}
