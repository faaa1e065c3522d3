// A site agent without an engine: joins with a key of its own, says hello, and leaves it to the
// test what it reports. It keeps every message of the pool.
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { TestContext } from "node:test";
import {
  helloText,
  type LeaseOrder,
  type LeaseReport,
  leaveText,
  type TabFarewell,
  ToAgent,
  type ToPool,
} from "@tequio/contract";
import type { Node } from "@tequio/core/pool";
import WebSocket from "ws";
import { good, type TestServer, until } from "./setup.ts";

type Message<T extends ToAgent["type"]> = Extract<ToAgent, { type: T }>;

/** A machine with two small accelerators. */
export const NODE: Node = {
  ...{ name: "n1", os: "linux", arch: "x64", milliCpu: 4_000, memoryMiB: 8_192 },
  accelerators: ["cpu0", "cpu1"].map((id) => ({
    ...{ id, kind: "cpu" as const, vendor: "any", model: "share", memoryMiB: 2_048 },
  })),
  labels: {},
};

export interface TestSiteIdentity {
  readonly siteId: string;
  readonly member: string;
  readonly poolId: string;
  readonly key: KeyObject;
}

/** Invites a member and joins one site of it. */
export async function joinSite(
  server: TestServer,
  member: string,
  engine = "local",
): Promise<TestSiteIdentity> {
  const invited = good(await server.client.call("inviteMember", { body: { name: member } }));
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const body = { joinToken: invited.joinToken, publicKey: spki, engine };
  const joined = good(await server.client.call("joinPool", { body }));
  return { ...joined, key: privateKey };
}

export class TestAgent {
  readonly messages: ToAgent[] = [];
  readonly socket: WebSocket;
  closed: { readonly code: number; readonly reason: string } | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("message", (data) => this.messages.push(ToAgent.parse(JSON.parse(String(data)))));
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  send(message: ToPool): void {
    this.socket.send(JSON.stringify(message));
  }

  /** All messages of a type so far. */
  of<T extends ToAgent["type"]>(type: T): Message<T>[] {
    return this.messages.filter((message) => message.type === type) as Message<T>[];
  }

  /** The n-th message of a type, when it has come. */
  nth<T extends ToAgent["type"]>(type: T, n = 0): Promise<Message<T>> {
    return until(`message ${type} ${n}`, () => this.of(type)[n]);
  }

  /** The newest order for a lease of the job, when it has come. */
  order(jobId: string, want: LeaseOrder["want"] = "run"): Promise<LeaseOrder> {
    return until(`order to ${want} ${jobId}`, () =>
      this.of("leases")
        .flatMap((message) => message.orders)
        .findLast((order) => order.jobId === jobId && order.want === want),
    );
  }

  report(
    order: LeaseOrder,
    event: LeaseReport["event"],
    reportId: string = crypto.randomUUID(),
  ): string {
    const { leaseId, fence } = order;
    this.send({ type: "reports", reports: [{ reportId, leaseId, fence, event }] });
    return reportId;
  }
}

/** Dials and waits for the challenge. */
export async function dial(test: TestContext, server: TestServer): Promise<TestAgent> {
  const socket = new WebSocket(`${server.server.url.replace("http", "ws")}/v1/gateway`);
  const agent = new TestAgent(socket);
  test.after(() => socket.terminate());
  await agent.nth("challenge");
  return agent;
}

/** The hello of a site for a challenge. */
export function helloOf(site: TestSiteIdentity, nonce: string): ToPool {
  const text = helloText(site.poolId, site.siteId, nonce);
  const signature = sign(null, Buffer.from(text), site.key).toString("base64");
  return { type: "hello", protocol: 1, siteId: site.siteId, signature, agentVersion: "1.0" };
}

/** What the page of a tab sends when it is closed. */
export function farewellOf({ poolId, siteId, key }: TestSiteIdentity, nonce: string): TabFarewell {
  const text = leaveText(poolId, siteId, nonce);
  return { siteId, nonce, signature: sign(null, Buffer.from(text), key).toString("base64") };
}

/** Connects a site that has joined. */
export async function connect(
  test: TestContext,
  server: TestServer,
  site: TestSiteIdentity,
): Promise<TestAgent> {
  const agent = await dial(test, server);
  agent.send(helloOf(site, (await agent.nth("challenge")).nonce));
  await agent.nth("leases");
  return agent;
}

/** A member with one site that is here and lends a machine. */
export async function makeSite(
  test: TestContext,
  server: TestServer,
  member: string,
  node: Node = NODE,
): Promise<{ readonly site: TestSiteIdentity; readonly agent: TestAgent }> {
  const site = await joinSite(server, member);
  const agent = await connect(test, server, site);
  agent.send({ type: "inventory", nodes: [structuredClone(node) as never] });
  await until("inventory", () => server.server.pump.state.sites.get(site.siteId)!.nodes.length > 0);
  return { site, agent };
}

/** The report that a task ended by itself. */
export const ended = (exitCode: number | null, ranMs = 5): LeaseReport["event"] => ({
  ...{ kind: "ended", exitCode, signal: null, ranMs, endedBy: "itself", message: "" },
});
