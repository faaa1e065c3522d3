// A pool for tests of the command line: an HTTP server whose requests and answers are both judged
// by the contract's schemas, so that a verb cannot pass against a shape that does not exist. What
// it answers is given by each test; it keeps no state of its own.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type CallReply, ENDPOINTS, type Endpoint, type EndpointName } from "@tequio/contract";

export const TOKEN = "tq_test";

export interface Asked {
  readonly name: EndpointName;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly idempotencyKey: string | undefined;
}

/** A refusal in an answer's place. */
export interface Refusing {
  readonly refuse: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  };
}

export type Answers = {
  readonly [N in EndpointName]?: (
    asked: Asked,
  ) => CallReply<N> | Refusing | Promise<CallReply<N> | Refusing>;
};

export interface FakePool {
  readonly url: string;
  /** Every request that was understood, oldest first. */
  readonly asked: Asked[];
  /** Schema violations of the fake itself; a test that made one must fail. */
  readonly wrong: string[];
  close(): Promise<void>;
}

interface Route {
  readonly name: EndpointName;
  readonly endpoint: Endpoint;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

const ROUTES: readonly Route[] = (Object.keys(ENDPOINTS) as EndpointName[]).map((name) => {
  const endpoint: Endpoint = ENDPOINTS[name];
  const names = [...endpoint.path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
  const pattern = new RegExp(`^${endpoint.path.replaceAll(/:\w+/g, "([^/]+)")}$`);
  return { name, endpoint, pattern, names };
});

/** Starts a fake pool on a free port; close it in the test's end. */
export async function openFakePool(answers: Answers): Promise<FakePool> {
  const asked: Asked[] = [];
  const wrong: string[] = [];
  const server = createServer((request, response) => {
    answer(request, answers, asked, wrong).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => {
        wrong.push(String(error));
        send(response, 500, problem("INTERNAL", String(error)));
      },
    );
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    wrong,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

const problem = (code: string, message: string, hint = "A hint.") => ({ code, message, hint });

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function answer(
  request: IncomingMessage,
  answers: Answers,
  asked: Asked[],
  wrong: string[],
): Promise<{ status: number; body: unknown }> {
  const url = new URL(request.url ?? "/", "http://pool");
  if (request.headers.authorization !== `Bearer ${TOKEN}`) {
    const body = problem("UNAUTHENTICATED", "No such token.", "Give a good one with --token.");
    return { status: 401, body };
  }
  for (const { name, endpoint, pattern, names } of ROUTES) {
    const match = pattern.exec(url.pathname);
    if (match === null || endpoint.method !== request.method) continue;
    const raw = Object.fromEntries(names.map((one, i) => [one, decodeURIComponent(match[i + 1]!)]));
    const given = {
      params: raw,
      query: Object.fromEntries(url.searchParams),
      body: await readBody(request),
    };
    const refused = judge(endpoint, given);
    if (refused !== undefined) return { status: 400, body: problem("INVALID_REQUEST", refused) };
    const question: Asked = {
      ...{ name, ...given },
      idempotencyKey: request.headers["idempotency-key"] as string | undefined,
    };
    asked.push(question);
    return reply(name, answers, question, wrong);
  }
  return { status: 404, body: problem("NOT_FOUND", `No endpoint ${request.method} ${url}.`) };
}

function judge(
  endpoint: Endpoint,
  given: { readonly params: unknown; readonly query: unknown; readonly body: unknown },
): string | undefined {
  for (const part of ["params", "query", "body"] as const) {
    const result = endpoint[part]?.safeParse(given[part]);
    if (result?.success === false) return `${part}: ${result.error.message}`;
  }
  return undefined;
}

async function reply(
  name: EndpointName,
  answers: Answers,
  question: Asked,
  wrong: string[],
): Promise<{ status: number; body: unknown }> {
  const answer = answers[name];
  if (answer === undefined) {
    return { status: 404, body: problem("NOT_FOUND", `The fake has no answer to ${name}.`) };
  }
  const value: unknown = await answer(question);
  if (typeof value === "object" && value !== null && "refuse" in value) {
    const { status, ...rest } = (value as Refusing).refuse;
    return { status, body: rest };
  }
  const endpoint: Endpoint = ENDPOINTS[name];
  const shape = endpoint.reply.safeParse(value);
  if (!shape.success) wrong.push(`${name}: ${shape.error.message}`);
  return { status: endpoint.status ?? 200, body: value };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
}
