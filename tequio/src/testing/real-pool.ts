// Real processes for tests: a control plane and agents as a user starts them, on free ports and in
// a folder of their own. Everything started here is ended here, by its own process id.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, makeClient } from "@tequio/contract";
import { type Process, startTequio, until } from "../child.ts";

export { type Process, startTequio, until };

/** Runs a command to its end. */
export async function runTequio(
  home: string,
  args: readonly string[],
  given: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; out: string; errors: string }> {
  const process = startTequio(home, args, given);
  process.child.stdin?.end();
  let out = "";
  process.child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const code = await process.ended;
  return { code, out, errors: process.errors() };
}

/** A pool of real processes in a folder of its own. */
export class RealPool {
  readonly folder = mkdtempSync(join(tmpdir(), "tequio-test-"));
  readonly home = join(this.folder, "home");
  readonly data = join(this.folder, "pool");
  url = "";
  client!: Client;
  #token = "";
  #up: Process | undefined;
  readonly #agents = new Map<string, Process>();

  /** Starts the control plane; a second call starts it again on the same port. */
  async up(): Promise<void> {
    const port = this.url === "" ? "0" : new URL(this.url).port;
    const args = ["up", "--no-member", "--no-open", "--json", "--end-with-stdin"];
    this.#up = startTequio(this.home, [...args, "--data", this.data, "--port", port]);
    const ready = await this.#up.line;
    if (ready.ready !== true) throw new Error(JSON.stringify(ready));
    this.url = String(ready.url);
    this.#token = String(ready.token);
    this.client = makeClient({ url: this.url, token: this.#token });
  }

  /** Invites a member if it is new, and starts its agent; resolves when the site is here. */
  async agent(name: string, ...flags: string[]): Promise<void> {
    const folder = join(this.folder, "members", name);
    const known = await this.member(name);
    let join_: string[] = [];
    if (known === undefined) {
      const invited = await this.client.call("inviteMember", { body: { name } });
      if (!invited.ok) throw new Error(invited.message);
      join_ = ["--join", invited.value.joinToken];
    }
    // Jobs of these tests leave marks in the test's own folder, which walls would hide.
    const open = ["--isolation", "none"];
    const fixed = ["--folder", folder, "--node-name", name, "--json", "--end-with-stdin", ...open];
    this.#agents.set(name, startTequio(this.home, ["agent", ...join_, ...fixed, ...flags]));
    await until(`${name} is here`, async () => {
      const site = (await this.member(name))?.sites[0];
      return site?.state === "here" && site.nodes.length > 0;
    });
  }

  /** A plain request with the operator's token. */
  http(path: string): Promise<Response> {
    return fetch(this.url + path, { headers: { authorization: `Bearer ${this.#token}` } });
  }

  async member(name: string) {
    const members = await this.client.call("listMembers", {});
    if (!members.ok) return undefined;
    return members.value.rows.find((row) => row.name === name);
  }

  async job(id: string) {
    const job = await this.client.call("getJob", { params: { id } });
    return job.ok ? job.value : undefined;
  }

  /** Submits a shell job and gives its id. */
  async submit(shell: string, more: Record<string, unknown> = {}): Promise<string> {
    const reply = await this.client.call("submitJob", {
      body: { shell, resources: { cpus: 0.1 }, ...more },
    });
    if (!reply.ok) throw new Error(`${reply.code}: ${reply.message}`);
    return reply.value.id;
  }

  ended(id: string, ms?: number) {
    return until(
      `job ${id} has ended`,
      async () => {
        const job = await this.job(id);
        return job?.state === "ended" ? job : undefined;
      },
      ms,
    );
  }

  /** The whole log of a job that has ended: its last bytes arrive a moment after its end. */
  log(id: string, member?: string): Promise<string> {
    return until(`the log of ${id} is whole`, async () => {
      const query = { waitMs: 1_000, ...(member === undefined ? {} : { member }) };
      const log = await this.client.call("readLog", { params: { id }, query });
      if (!log.ok || !log.value.ended) return undefined;
      return { text: Buffer.from(log.value.data, "base64").toString() };
    }).then(({ text }) => text);
  }

  /** `kill -9` of the control plane, or of an agent. */
  async kill(what: "up" | string): Promise<void> {
    const process = what === "up" ? this.#up : this.#agents.get(what);
    process?.child.kill("SIGKILL");
    await process?.ended;
  }

  /** Ends everything in order and removes the folder. */
  async close(): Promise<void> {
    for (const agent of this.#agents.values()) agent.child.kill("SIGINT");
    await Promise.all([...this.#agents.values()].map((agent) => agent.ended));
    this.#up?.child.kill("SIGINT");
    await this.#up?.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
