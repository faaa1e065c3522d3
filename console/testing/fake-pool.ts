// A small control plane that serves the built console and answers as the contract says. Every
// answer and every request is put through the contract's schemas, so the fixtures cannot drift.
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { ENDPOINTS, type Endpoint, type EndpointName } from "@tequio/contract";
import { makeAnswers, type World } from "./answers.ts";
import { TOKENS } from "./people.ts";

/** As strict as the console can live with; the control plane should send the same. */
export const CONTENT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export interface FakePool {
  readonly url: string;
  readonly token: string;
  /** Adds a round to the run and tells the live streams. */
  readonly advance: () => void;
  /** Breaks the live streams and refuses new ones until `mend`. */
  readonly cut: () => void;
  readonly mend: () => void;
  readonly world: World;
  readonly stop: () => Promise<void>;
}

interface State {
  readonly dist: string;
  readonly token: string;
  readonly world: World;
  readonly streams: Set<ServerResponse>;
  isCut: boolean;
}

/** Starts the fake pool on a free port, or on `port`. */
export async function startFakePool(dist: string, port = 0): Promise<FakePool> {
  const world: World = {
    nowMs: Date.now(),
    seq: 100,
    rounds: 0,
    paused: false,
    changes: new Map(),
  };
  const state: State = { dist, token: "test-token", world, streams: new Set(), isCut: false };
  const serve = makeServe(state);
  const server = createServer((request, reply) => {
    serve(request, reply).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      send(reply, 500, { code: "INTERNAL", message, hint: "The fixture breaks the contract." });
    });
  });
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  const bound = (server.address() as AddressInfo).port;
  const breakStreams = () => {
    for (const stream of state.streams) stream.destroy();
  };
  return {
    url: `http://127.0.0.1:${bound}`,
    token: state.token,
    world,
    advance: () => advance(state),
    cut: () => {
      state.isCut = true;
      breakStreams();
    },
    mend: () => {
      state.isCut = false;
    },
    stop: () => {
      breakStreams();
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

function advance({ world, streams }: State): void {
  world.rounds += 1;
  world.seq += 1;
  const event = { seq: world.seq, atMs: Date.now(), type: "round-merged", data: {} };
  for (const stream of streams) {
    stream.write(`id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
}

function makeServe(state: State) {
  const answers = makeAnswers(state.world);

  async function serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    if (!url.pathname.startsWith("/v1/")) return serveFile(state.dist, url.pathname, reply);
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const caller = TOKENS[token];
    const isOpen = findEndpoint(request.method ?? "", url.pathname)?.endpoint.permission === null;
    if (caller === undefined && !isOpen) {
      return send(reply, 401, {
        code: "UNAUTHENTICATED",
        message: "The token is not known to this pool.",
        hint: "Use the token that the pool printed when it started.",
      });
    }
    if (url.pathname === "/v1/events") return stream(reply);
    await answer(request, url, reply, caller ?? "");
  }

  function stream(reply: ServerResponse): void {
    if (state.isCut) return void reply.destroy();
    reply.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    reply.write(": open\n\n");
    state.streams.add(reply);
    reply.on("close", () => state.streams.delete(reply));
  }

  async function answer(
    request: IncomingMessage,
    url: URL,
    reply: ServerResponse,
    caller: string,
  ): Promise<void> {
    const found = findEndpoint(request.method ?? "GET", url.pathname);
    if (found === undefined) throw new Error(`No endpoint for ${request.method} ${url.pathname}`);
    const { name, endpoint, params } = found;
    const text = await bodyOf(request);
    const input = {
      params,
      query: endpoint.query?.parse(Object.fromEntries(url.searchParams)) ?? {},
      ...{ caller, url: `http://${request.headers.host}` },
      body: text === "" ? undefined : endpoint.body?.parse(JSON.parse(text)),
    };
    const outcome = await answers(name, input as never);
    if (!outcome.ok) return send(reply, outcome.status, outcome.problem);
    send(reply, endpoint.status ?? 200, endpoint.reply.parse(outcome.value));
  }
  return serve;
}

function findEndpoint(method: string, path: string) {
  for (const [name, endpoint] of Object.entries(ENDPOINTS) as [EndpointName, Endpoint][]) {
    if (endpoint.method !== method) continue;
    const pattern = endpoint.path.replace(/:(\w+)/g, "(?<$1>[^/]+)");
    const match = new RegExp(`^${pattern}$`).exec(path);
    if (match === null) continue;
    const parts = Object.entries(match.groups ?? {});
    const params = Object.fromEntries(parts.map(([key, part]) => [key, decodeURIComponent(part)]));
    return { name, endpoint, params };
  }
  return undefined;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}

function send(reply: ServerResponse, status: number, value: unknown): void {
  reply.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  reply.end(JSON.stringify(value));
}

async function serveFile(dist: string, path: string, reply: ServerResponse): Promise<void> {
  const name = path === "/" ? "index.html" : normalize(path).replace(/^[/.]+/, "");
  try {
    const content = await readFile(join(dist, name));
    reply.writeHead(200, {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "content-security-policy": CONTENT_POLICY,
    });
    reply.end(content);
  } catch {
    reply.writeHead(404).end();
  }
}
