// Proves the live stream: no gap and no repeat across a cut, filters, no secrets, and its end.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { EventWire } from "@tequio/contract";
import { openMemoryStore } from "@tequio/stores/memory";
import { aMoment, good, startServer, type TestServer, until } from "../testing/setup.ts";

const start = async (t: TestContext): Promise<TestServer> =>
  startServer(t, good(await openMemoryStore()));

interface Stream {
  readonly events: EventWire[];
  readonly close: () => void;
  readonly isOver: () => boolean;
}

/** Reads a stream until it is closed; checks that ids and data agree. */
async function follow(server: TestServer, query: string, init = {}): Promise<Stream> {
  const abort = new AbortController();
  const reply = await server.http(`/v1/events${query}`, { ...init, signal: abort.signal });
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get("content-type") ?? "", /^text\/event-stream/);
  const events: EventWire[] = [];
  let over = false;
  const read = async (): Promise<void> => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of reply.body!) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data === undefined) continue;
        const event = EventWire.parse(JSON.parse(data));
        assert.equal(/^id: (.*)$/m.exec(block)?.[1], String(event.seq));
        events.push(event);
      }
    }
  };
  void read()
    .catch(() => undefined)
    .finally(() => {
      over = true;
    });
  return { events, close: () => abort.abort(), isOver: () => over };
}

const make = async ({ client }: TestServer, count: number): Promise<void> => {
  const names = Array.from({ length: count }, () => `p${Math.random().toString(36).slice(2)}`);
  await Promise.all(names.map((name) => client.call("createProject", { body: { name } })));
};

test("a stream gives every event once, across a cut and a reconnect", async (t) => {
  const server = await start(t);
  await make(server, 20);
  const first = await follow(server, "?after=0");
  const writing = make(server, 200);
  await until("a part", () => first.events.length > 50);
  first.close();
  const last = first.events.at(-1)!.seq;
  const second = await follow(server, "", { headers: { "last-event-id": String(last) } });
  await writing;
  await make(server, 20);
  const head = server.server.pump.state.seq;
  await until("the end", () => second.events.at(-1)?.seq === head);
  const seqs = [...first.events, ...second.events].map((event) => event.seq);
  assert.deepEqual(
    seqs,
    Array.from({ length: head }, (_, i) => i + 1),
  );
  second.close();
});

test("a stream without a place begins now, filters by type and shows no hashes", async (t) => {
  const server = await start(t);
  const stream = await follow(server, "?types=token.issued,member.invited");
  await make(server, 1);
  good(await server.client.call("createToken", { body: { label: "ci" } }));
  good(await server.client.call("inviteMember", { body: { name: "uni-lab" } }));
  await until("two events", () => stream.events.length === 2);
  assert.deepEqual(
    stream.events.map((event) => event.type),
    ["token.issued", "member.invited"],
  );
  const text = JSON.stringify(stream.events);
  for (const token of server.server.pump.state.tokens.values()) {
    assert.ok(!text.includes(token.hash));
  }
  assert.ok(!/secretHash/.test(text));
  stream.close();
  const all = await follow(server, "?after=0");
  await until("all", () => all.events.length === server.server.pump.state.seq);
  assert.ok(!/"hash"|secretHash/.test(JSON.stringify(all.events)));
  all.close();
});

test("a stream needs a token, knows its types, and ends when the token is revoked", async (t) => {
  const server = await start(t);
  assert.equal((await server.http("/v1/events", { token: null })).status, 401);
  const wrong = await server.http("/v1/events?types=job.submited");
  assert.equal(wrong.status, 400);
  assert.match(((await wrong.json()) as { hint: string }).hint, /job\.submitted/);
  const made = good(await server.client.call("createToken", { body: { label: "ci" } }));
  const stream = await follow(server, "", { token: made.token });
  good(await server.client.call("revokeToken", { params: { name: made.tokenId } }));
  await until("the end of the stream", () => stream.isOver());
});

test("a place that the journal has not reached misses nothing", async (t) => {
  const server = await start(t);
  const stream = await follow(server, "?after=999999");
  await aMoment(20);
  await make(server, 1);
  await until("an event", () => stream.events.length === 1);
  stream.close();
});

test("a client that does not read is cut off before its events fill the memory", async (t) => {
  const server = await start(t);
  const { hostname, port } = new URL(server.server.url);
  const slow = connect(Number(port), hostname);
  slow.on("error", () => {});
  slow.write(
    `GET /v1/events?after=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.token}\r\n\r\n`,
  );
  await aMoment(50);
  slow.pause();
  const label = "x".repeat(60_000);
  const input = { type: "setProject", name: label, parent: null, shares: 1 } as const;
  for (let i = 0; i < 300; i += 1) await server.server.pump.submit(input);
  let bytes = 0;
  slow.on("data", (chunk) => {
    bytes += chunk.length;
  });
  slow.resume();
  await new Promise((done) => slow.once("close", done));
  assert.ok(bytes < 300 * label.length, "it was cut before the end");
});
