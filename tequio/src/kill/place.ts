// The processes of a run: one control plane, and sites each behind a link that can be cut. It
// starts, kills, stops and starts again what it is told, and takes note of what ends by itself,
// which nothing here ever may. It leaves to trouble.ts when that happens.
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, makeClient } from "@tequio/contract";
import { type Process, startTequio, until } from "../child.ts";
import { JOB_MILLI_CPU } from "./jobs.ts";
import { type CutLink, openCutLink } from "./link.ts";
import { killAllOf, processesOf, supervisorsOf } from "./processes.ts";

/** Jobs that a site runs at one time. */
const SLOTS = 4;
const READY_MS = 60_000;
const STOP_MS = 60_000;
/** A machine under load takes a while to end what was told to end. */
const GONE_MS = 10_000;

interface Running {
  readonly process: Process;
  /** It was killed or told to end. */
  wanted: boolean;
  stopped: boolean;
}

/** One member with one site. */
export interface Site {
  readonly name: string;
  readonly folder: string;
  readonly link: CutLink;
}

export interface PlaceOptions {
  readonly folder: string;
  readonly sites: number;
  /** Database of the control plane; undefined: SQLite in its data folder. */
  readonly storeUrl: string | undefined;
}

export class Place {
  readonly folder: string;
  readonly data: string;
  readonly sites: Site[] = [];
  /** What went wrong with the processes themselves. */
  readonly troubles: string[] = [];
  client!: Client;
  readonly #options: PlaceOptions;
  readonly #running = new Map<string, Running>();
  #port = "0";
  #closed = false;

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.folder = options.folder;
    this.data = join(options.folder, "pool");
    mkdirSync(join(options.folder, "logs"), { recursive: true });
  }

  /** Starts everything; resolves when all sites are here. */
  async start(): Promise<void> {
    await this.startPool();
    for (let index = 0; index < this.#options.sites; index += 1) {
      const name = `site${index}`;
      const link = await openCutLink(Number(this.#port));
      this.sites.push({ name, folder: join(this.folder, "members", name), link });
      const invited = await this.client.call("inviteMember", { body: { name } });
      if (!invited.ok) throw new Error(invited.message);
      this.#startAgent(index, invited.value.joinToken);
    }
    await this.allHere();
  }

  /** Waits until the pool sees every site. */
  async allHere(): Promise<void> {
    await until(
      "all sites are here",
      async () => {
        if (this.troubles.length > 0) throw new Error("so not all sites can be here");
        const members = await this.client.call("listMembers", {});
        if (!members.ok || members.value.rows.length < this.sites.length) return false;
        return members.value.rows.every(({ sites: [site] }) => {
          return site?.state === "here" && site.nodes.length > 0;
        });
      },
      READY_MS,
    );
  }

  /**
   * Starts the control plane, the first time and after it was killed. While its database is down
   * it refuses to start, and is started again as a service manager would.
   */
  async startPool(): Promise<void> {
    const untilMs = performance.now() + READY_MS;
    while (!(await this.#tryPool()) && performance.now() < untilMs) await sleep(500);
  }

  /** False when the database was not there, and nothing else was wrong. */
  async #tryPool(): Promise<boolean> {
    const fixed = ["up", "--no-member", "--no-open", "--json", "--end-with-stdin"];
    const { storeUrl } = this.#options;
    const store = storeUrl === undefined ? [] : ["--store", storeUrl];
    const flags = ["--data", this.data, "--port", this.#port, ...store];
    const running = this.#launch("pool", [...fixed, ...flags]);
    try {
      const ready = await running.process.line;
      if (ready.code === "STORE_UNREACHABLE") {
        running.wanted = true;
        await running.process.ended;
        return false;
      }
      if (ready.ready !== true) throw new Error(JSON.stringify(ready));
      const url = String(ready.url);
      this.#port = new URL(url).port;
      this.client = makeClient({ url, token: String(ready.token) });
    } catch (error) {
      // Killed while it starts is no trouble: trouble.ts starts it once more.
      if (!running.wanted) this.troubles.push(`the control plane did not start: ${error}`);
    }
    return true;
  }

  startAgent(site: number): void {
    this.#startAgent(site);
  }

  #startAgent(index: number, joinToken?: string): void {
    const { name, folder, link } = this.sites[index]!;
    const join_ = joinToken === undefined ? [] : ["--join", joinToken];
    const cpus = String((SLOTS * JOB_MILLI_CPU) / 1_000);
    const lent = ["--node-name", name, "--cpus", cpus, "--memory", "1G"];
    // Jobs write their evidence outside of the pool, where walls would not let them.
    const walls = ["--isolation", "none"];
    const flags = ["--folder", folder, ...lent, ...walls, "--json", "--end-with-stdin"];
    const url = `http://127.0.0.1:${link.port}`;
    this.#launch(name, ["--url", url, "agent", ...join_, ...flags]);
  }

  #launch(name: string, args: readonly string[]): Running {
    const before = this.#running.get(name);
    if (before !== undefined && !before.wanted) throw new Error(`${name} runs already`);
    const process = startTequio(join(this.folder, "home"), args);
    process.child.stderr?.pipe(createWriteStream(this.logOf(name), { flags: "a" }));
    const running: Running = { process, wanted: false, stopped: false };
    this.#running.set(name, running);
    void process.ended.then((code) => {
      if (running.wanted || this.#closed) return;
      running.wanted = true;
      const last = process.errors().trim().split("\n").slice(-3).join(" | ");
      this.troubles.push(`${name} ended by itself (${code}): ${last}`);
    });
    return running;
  }

  logOf(name: string): string {
    return join(this.folder, "logs", `${name}.log`);
  }

  /** `kill -9` of one process: `pool`, or the name of a site for its agent. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    running.wanted = true;
    running.process.child.kill("SIGKILL");
    await running.process.ended;
  }

  /** SIGSTOP (`true`) or SIGCONT of one process. */
  freeze(name: string, frozen: boolean): void {
    const running = this.#running.get(name);
    if (running === undefined || running.stopped === frozen) return;
    running.stopped = frozen;
    running.process.child.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  /** `kill -9` of an agent and of all that runs at its site. */
  async powerCut(index: number): Promise<void> {
    const { name, folder } = this.sites[index]!;
    const killed = this.kill(name);
    killAllOf(folder);
    await killed;
  }

  /** `kill -9` of the supervisor of one lease; false when none runs. */
  killSupervisor(index: number): boolean {
    const [pid] = supervisorsOf(this.sites[index]!.folder);
    if (pid === undefined) return false;
    process.kill(pid, "SIGKILL");
    return true;
  }

  isUp(name: string): boolean {
    return this.#running.get(name)?.wanted === false;
  }

  /** Ends everything in order; gives what had to be killed, or is left. */
  async stop(): Promise<readonly string[]> {
    const late: string[] = [];
    for (const names of [this.sites.map(({ name }) => name), ["pool"]]) {
      await Promise.all(names.map((name) => this.#end(name, late)));
    }
    for (const { link } of this.sites) await link.close();
    const untilMs = performance.now() + GONE_MS;
    while (processesOf(this.folder).length > 0 && performance.now() < untilMs) await sleep(100);
    return late;
  }

  async #end(name: string, late: string[]): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined || running.wanted) return;
    running.wanted = true;
    running.process.child.kill("SIGINT");
    const timer = setTimeout(() => {
      late.push(`${name} did not end within ${STOP_MS / 1_000} s of SIGINT`);
      running.process.child.kill("SIGKILL");
    }, STOP_MS);
    await running.process.ended;
    clearTimeout(timer);
  }

  /** Kills whatever is left; for a run that went wrong, and before the folder is removed. */
  async abandon(): Promise<void> {
    this.#closed = true;
    killAllOf(this.folder);
    for (const { link } of this.sites) await link.close();
  }
}
