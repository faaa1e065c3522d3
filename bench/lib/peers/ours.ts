// Our own run in the same setting: a pool in the hub's namespace, an agent in each site's, a job as
// a user would submit it. Everything goes through the command line of the product.
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Point } from "./curve.ts";
import { HUB_ADDRESS, HUB_NAMESPACE, namespaceOf, type Setting, within } from "./setting.ts";

const tequio = fileURLToPath(import.meta.resolve("tequio/bin/tequio.js"));
const run = promisify(execFile);
const PORT = 8_420;
/** Between two looks at the run. */
const LOOK_MS = 2_000;
/** Members join and measure themselves. */
const JOIN_MS = 120_000;
/** As `npm start` does it: this share of the time one site trains alone, at about this speed. */
const WARM_UP = { share: 0.12, stepsPerS: 20 };

export interface OurRun {
  readonly curve: readonly Point[];
  readonly members: readonly unknown[];
}

interface RunWire {
  readonly state: string;
  readonly startedAtMs?: number;
  readonly members: readonly unknown[];
  readonly rounds: readonly { readonly mergedAtMs: number; readonly heldOutLoss?: number }[];
}

interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<void>;
}

class Pool {
  readonly #folder: string;
  readonly #stops: (() => Promise<void>)[] = [];

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Starts `tequio ARGS`; it ends with its standard input. */
  run(name: string, namespace: string, args: readonly string[]): Started {
    const command = within(namespace, [process.execPath, tequio, ...args, "--end-with-stdin"]);
    const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
    const log = createWriteStream(join(this.#folder, `${name}.log`));
    child.stderr.pipe(log);
    child.stdout.resume();
    const ended = new Promise<void>((done) => child.once("exit", () => done()));
    this.#stops.unshift(async () => {
      child.stdin.end();
      await ended;
    });
    return { child, ended };
  }

  /** The same; resolves with its first line of JSON. */
  start(name: string, namespace: string, args: readonly string[]): Promise<unknown> {
    const { child, ended } = this.run(name, namespace, args);
    return new Promise((resolve, reject) => {
      let head = "";
      child.stdout.on("data", (chunk: Buffer) => {
        head = (head + chunk.toString()).slice(-65_536);
        const line = head.split("\n").find((one) => one.startsWith("{") && one.endsWith("}"));
        if (line !== undefined) resolve(JSON.parse(line));
      });
      void ended.then(() => reject(new Error(`${name} ended; see ${this.#folder}/${name}.log`)));
    });
  }

  /** One command of the command line, in the hub's namespace. */
  async ask(args: readonly string[]): Promise<unknown> {
    const command = within(HUB_NAMESPACE, [process.execPath, tequio, ...args, "--json"]);
    const { stdout } = await run(command[0]!, command.slice(1), {
      cwd: this.#folder,
      env: { ...process.env, XDG_CONFIG_HOME: this.#folder },
    });
    return JSON.parse(stdout);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }
}

/** Throws when the pool or an agent ends, or a member does not come. */
export async function runOurs(setting: Setting, rate: number, scratch: string): Promise<OurRun> {
  const folder = join(scratch, `tequio-${rate}`);
  const pool = new Pool(folder);
  try {
    const url = `http://${HUB_ADDRESS}:${PORT}`;
    const up = ["up", "--no-member", "--no-open", "--data", join(folder, "pool"), "--json"];
    const where = ["--host", HUB_ADDRESS, "--public-url", url, "--port", String(PORT)];
    const ready = (await pool.start("pool", HUB_NAMESPACE, [...up, ...where])) as { token: string };
    const reach = ["--url", url, "--token", ready.token];
    for (const [site, speed] of setting.speeds.entries()) {
      await startAgent(pool, folder, reach, site, speed);
    }
    await untilMeasured(pool, reach, setting.speeds.length);
    const file = join(folder, "job.yaml");
    writeFileSync(file, JSON.stringify(jobOf(setting, rate)));
    await pool.ask(["submit", file, ...reach]);
    return await follow(pool, reach, setting);
  } finally {
    await pool.stop();
  }
}

async function startAgent(
  pool: Pool,
  folder: string,
  reach: readonly string[],
  site: number,
  speed: number,
): Promise<void> {
  const name = `site-${site}`;
  const invited = await pool.ask(["member", "invite", name, ...reach]);
  const { joinToken } = invited as { joinToken: string };
  pool.run(name, namespaceOf(site), [
    ...["agent", "--join", joinToken, "--folder", join(folder, name), "--node-name", name],
    ...["--cpu-share", String(speed), "--cpus", String(Math.max(0.1, speed))],
    ...["--memory", "2G", "--isolation", "none"],
  ]);
}

async function untilMeasured(pool: Pool, reach: readonly string[], count: number): Promise<void> {
  for (const endMs = Date.now() + JOIN_MS; Date.now() < endMs; await pause(LOOK_MS)) {
    const text = JSON.stringify(await pool.ask(["member", "list", ...reach]));
    if (text.split('"calibration"').length > count) return;
  }
  throw new Error("not all members joined and measured themselves");
}

/** The shipped job of the demonstration in this setting: only what the setting fixes is given. */
function jobOf({ model, referenceBatch, seconds, seed }: Setting, rate: number): unknown {
  return {
    name: "peers",
    run: {
      corpus: "sotu",
      model,
      referenceBatch,
      maxBatch: 2 * referenceBatch,
      learningRate: rate,
      innerSteps: 30,
      codecDown: "int8",
      seed,
      warmUpSteps: Math.round(seconds * WARM_UP.share * WARM_UP.stepsPerS),
      stop: { minutes: seconds / 60 },
    },
  };
}

async function follow(pool: Pool, reach: readonly string[], setting: Setting): Promise<OurRun> {
  const endMs = Date.now() + setting.seconds * 1_000 + JOIN_MS;
  for (;;) {
    await pause(LOOK_MS);
    const seen = (await pool.ask(["run", "1", ...reach])) as RunWire;
    if (seen.state !== "ended" && Date.now() < endMs) continue;
    if (seen.state !== "ended") throw new Error(`the run is still ${seen.state}`);
    const startedAtMs = seen.startedAtMs ?? 0;
    const curve = seen.rounds.flatMap(({ mergedAtMs, heldOutLoss }) =>
      heldOutLoss === undefined
        ? []
        : [{ seconds: (mergedAtMs - startedAtMs) / 1_000, loss: heldOutLoss }],
    );
    return { curve, members: seen.members };
  }
}
