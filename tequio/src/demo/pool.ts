// The processes of the demonstration as one thing: control plane, members, slow link. It starts
// and stops them and knows how to reach the pool; what is shown of it is in view.ts.
import { join } from "node:path";
import { type Client, makeClient } from "@tequio/contract";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type Child, DEMO_MEMBERS, type DemoMember, startChild } from "./members.ts";
import { openRelay, type Relay } from "./relay.ts";

export interface DemoPool {
  readonly client: Client;
  /** Address of the console with its token. */
  readonly consoleUrl: string;
  /** The member's machine goes away: its agent stops its jobs and leaves. */
  leave(name: string): Promise<void>;
  /** It comes back, as the same site. */
  comeBack(name: string): void;
  /** True when all members' sites are here and measured. */
  complete(): Promise<boolean>;
  stop(): Promise<void>;
  /** Resolves with the name of a process that ended without being asked to. */
  readonly broken: Promise<string>;
}

interface Member {
  readonly spec: DemoMember;
  readonly url: string;
  child: Child;
}

/** Starts everything in `folder`; refuses with what the failing process said. */
export async function openDemoPool(folder: string, port: number): Promise<Outcome<DemoPool>> {
  const logs = join(folder, "process-logs");
  const upArgs = ["up", "--no-member", "--data", join(folder, "pool"), "--json"];
  const up = startChild("control-plane", [...upArgs, "--port", String(port)], logs);
  let ready: Record<string, unknown>;
  try {
    ready = await up.ready;
  } catch (error) {
    return refuse(
      "INTERNAL",
      String(error instanceof Error ? error.message : error),
      `Look at ${join(logs, "control-plane.log")}.`,
    );
  }
  if (typeof ready.code === "string") return ready as never;
  const { url, token } = ready as { url: string; token: string };
  const pool = new Demo(folder, logs, url, token, up);
  const started = await pool.startMembers();
  if (started.ok) return ok(pool);
  await pool.stop();
  return started;
}

class Demo implements DemoPool {
  readonly client: Client;
  readonly consoleUrl: string;
  readonly broken: Promise<string>;
  readonly #folder: string;
  readonly #logs: string;
  readonly #url: string;
  readonly #up: Child;
  readonly #members = new Map<string, Member>();
  readonly #relays: Relay[] = [];
  #stopping = false;
  #onBroken: (name: string) => void = () => {};

  constructor(folder: string, logs: string, url: string, token: string, up: Child) {
    this.#folder = folder;
    this.#logs = logs;
    this.#url = url;
    this.#up = up;
    this.client = makeClient({ url, token });
    this.consoleUrl = `${url}/?token=${token}`;
    this.broken = new Promise((broke) => {
      this.#onBroken = broke;
    });
    this.#watch(up);
  }

  #watch(child: Child): void {
    void child.ended.then(() => {
      if (!this.#stopping) this.#onBroken(child.name);
    });
  }

  async startMembers(): Promise<Outcome<unknown>> {
    const known = await this.client.call("listMembers", {});
    if (!known.ok) return known;
    for (const spec of DEMO_MEMBERS) {
      const url = await this.#urlFor(spec);
      const joined = known.value.rows.some((row) => row.name === spec.name && row.sites.length > 0);
      let token: string | undefined;
      if (!joined) {
        const invited = await this.client.call("inviteMember", { body: { name: spec.name } });
        if (!invited.ok) return invited;
        token = invited.value.joinToken;
      }
      const child = this.#startAgent(spec, url, token);
      this.#members.set(spec.name, { spec, url, child });
    }
    return ok(undefined);
  }

  async #urlFor({ link }: DemoMember): Promise<string> {
    if (link === undefined) return this.#url;
    const relay = await openRelay(Number(new URL(this.#url).port), link);
    this.#relays.push(relay);
    return `http://127.0.0.1:${relay.port}`;
  }

  #startAgent(spec: DemoMember, url: string, token?: string): Child {
    const milliCpu = Math.max(100, Math.round(spec.cpuShare * 1_000));
    const args = [
      "agent",
      ...(token === undefined ? [] : ["--join", token]),
      ...["--url", url, "--folder", join(this.#folder, "members", spec.name)],
      ...["--cpu-share", String(spec.cpuShare), "--cpus", String(milliCpu / 1_000)],
      ...["--memory", "2G", "--node-name", spec.name, "--isolation", "none"],
    ];
    const child = startChild(spec.name, args, this.#logs);
    void child.ended.then((code) => {
      const current = this.#members.get(spec.name)?.child === child;
      if (!this.#stopping && current && code !== 0) this.#onBroken(spec.name);
    });
    return child;
  }

  async leave(name: string): Promise<void> {
    await this.#members.get(name)?.child.stop();
  }

  comeBack(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined || this.#stopping) return;
    member.child = this.#startAgent(member.spec, member.url);
  }

  async complete(): Promise<boolean> {
    const members = await this.client.call("listMembers", {});
    if (!members.ok) return false;
    const here = members.value.rows.flatMap((row) => row.sites);
    const good = here.filter((site) => site.state === "here" && site.calibration !== undefined);
    return good.length >= DEMO_MEMBERS.length;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#members.values()].map(({ child }) => child.stop()));
    await this.#up.stop();
    await Promise.all(this.#relays.map((relay) => relay.close()));
  }
}
