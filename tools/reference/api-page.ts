// api.md and openapi.json: every endpoint of the contract's table with its callers and fields.
import {
  type Caller,
  ENDPOINTS,
  type Endpoint,
  type EndpointName,
  openApi,
  STREAM_ENDPOINTS,
} from "@tequio/contract";
import { z } from "zod";
import { code, type Page, page, table, wrap } from "./markdown.ts";
import { fieldRows, type Schema } from "./schema.ts";

const ENDPOINT_FILE = "contract/src/endpoints.ts";

/** What the endpoints do whose bodies are not JSON. */
const STREAM_NOTES: Readonly<Record<string, string>> = {
  "GET /v1/events": "Server-sent events from the journal: `?after=SEQ&types=a,b`",
  "PUT /v1/blobs/:digest": "Puts a blob, whole or in parts with `Content-Range: bytes A-B/SIZE`",
  "HEAD /v1/blobs/:digest": "Size of a blob; 404 with `Upload-Offset` while it is being put",
  "GET /v1/blobs/:digest": "Bytes of a blob; takes `Range`",
  "GET /v1/runs/:id/export":
    "A run's model as a file: `?format=safetensors|onnx&round=N`, the newest by default",
  "GET /openai/v1/models": "The runs that may be sampled ([serving](../guide/serving.md))",
  "GET /openai/v1/models/:model": "One of them",
  "POST /openai/v1/completions": "A text from a run's model, as OpenAI's clients ask for it",
  "POST /openai/v1/chat/completions": "The next message of a chat, in the same way",
  "GET /v1/probe": "Sends `?bytes=N` bytes, for measuring a link",
  "POST /v1/probe": "Takes bytes and throws them away, for measuring a link",
  "GET /v1/gateway":
    "WebSocket of the agents, who sign instead of sending a token ([gateway](gateway.md))",
  "GET /v1/sign-in/oidc": "Sends a browser to the identity provider: `?next=#/PAGE`",
  "GET /v1/sign-in/oidc/callback": "Takes the browser back and sets the session's cookie",
  "GET /metrics": "OpenMetrics text; takes the token of `--metrics-token-file`, too",
  "GET /metrics/slurm": "The same under Slurm's names",
  "GET /healthz": "The process is alive",
  "GET /readyz": "The pool can take requests",
  "GET /openapi.json": "The OpenAPI 3.1 document of this API",
};

const CALLERS: Readonly<Record<Caller, string>> = {
  anyone: "no token",
  person:
    "an API token `tq_…`, from `tequio token create` or the data folder, or a session `tqs_…`, " +
    "from `tequio login` or as the cookie of a browser",
  task: "the token that a task finds in `TEQUIO_TOKEN`; good while its lease lasts",
  site: "the token that an agent gets when it has proved its key",
};

const schemaOf = (schema: z.ZodType, io: "input" | "output"): Schema =>
  z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Schema;

function fieldTable(
  title: string,
  schema: z.ZodType | undefined,
  io: "input" | "output",
): string[] {
  if (schema === undefined) return [];
  const rows = fieldRows(schemaOf(schema, io)).map((row) => {
    const given = io === "output" || row.required || row.fallback !== undefined;
    const optional = given && (io === "input" || row.required) ? "" : "?";
    const fallback = row.fallback === undefined ? "" : `default ${code(row.fallback)}`;
    return [
      code(`${row.name}${optional}`),
      row.type,
      [row.about, fallback].filter(Boolean).join("; "),
    ];
  });
  return rows.length === 0 ? [] : [`${title}:`, table(["field", "type", ""], rows)];
}

function endpointBlocks(name: EndpointName): readonly string[] {
  const endpoint: Endpoint = ENDPOINTS[name];
  const body =
    name === "submitJob"
      ? ["Body: a job, whose fields are on the page of the [job file](job-file.md)."]
      : fieldTable("Body", endpoint.body, "input");
  const keyed = endpoint.idempotent === true ? " Takes an `Idempotency-Key`." : "";
  const needs = endpoint.permission === null ? "" : ` Needs \`${endpoint.permission}\`.`;
  const status = endpoint.status === undefined ? "" : ` Answers ${endpoint.status}.`;
  return [
    `### ${name}`,
    code(`${endpoint.method} ${endpoint.path}`),
    wrap(
      `${endpoint.summary}. Called with: ${endpoint.callers.join(", ")}.${needs}${status}${keyed}`,
    ),
    ...fieldTable("Query", endpoint.query, "input"),
    ...body,
    ...fieldTable("Answer", endpoint.reply, "output"),
  ];
}

/** The anchor that Markdown viewers make of a heading. */
const anchor = (name: string): string => `[${name}](#${name.toLowerCase()})`;

function overview(): string {
  const json = (Object.keys(ENDPOINTS) as EndpointName[]).map((name) => {
    const { method, path, callers, summary }: Endpoint = ENDPOINTS[name];
    return [code(`${method} ${path}`), callers.join(", "), `${summary} (${anchor(name)})`];
  });
  return table(["request", "called with", "does"], json);
}

function streams(): string {
  const rows = STREAM_ENDPOINTS.map(({ method, path, callers }) => {
    const note = STREAM_NOTES[`${method} ${path}`];
    if (note === undefined) throw new Error(`Invariant broken: ${method} ${path} has a note`);
    return [code(`${method} ${path}`), callers.join(", "), note];
  });
  return table(["request", "called with", "does"], rows);
}

const GENERAL = [
  wrap(
    "The machine-readable form is [openapi.json](openapi.json), and a running pool serves " +
      "its own at `/openapi.json`. Send `Authorization: Bearer TOKEN`. Unknown fields are " +
      "refused, with the nearest known one named.",
  ),
  '```sh\ncurl -s -H "authorization: Bearer $TEQUIO_TOKEN" http://127.0.0.1:8420/v1/pool\n```',
  table(
    ["called with", "means"],
    Object.entries(CALLERS).map(([caller, means]) => [caller, means]),
  ),
  wrap(
    "A refusal is `{code, message, hint, at?, requestId?}`; the codes with their HTTP status are " +
      "on the page of [errors](errors.md). Times end in `Ms`: milliseconds since 1970 by the " +
      "pool's clock, or a length. Prices are whole micro-credits. A list with more rows carries " +
      "`nextCursor`, to be sent back as `cursor`.",
  ),
  wrap(
    "An `Idempotency-Key` makes a repeat safe: the same key with the same body gives the first " +
      "answer again, with another body it is refused (`IDEMPOTENCY_MISMATCH`).",
  ),
];

/** api.md: the HTTP API for people. */
export function apiPage(): Page {
  const names = Object.keys(ENDPOINTS) as EndpointName[];
  return page(
    "api.md",
    "HTTP API",
    [ENDPOINT_FILE],
    [
      ...GENERAL,
      "## Overview",
      overview(),
      "## Streams and bytes",
      streams(),
      "## Endpoints",
      wrap("A field with `?` may be absent."),
      ...names.flatMap(endpointBlocks),
    ],
  );
}

/** openapi.json: the same for programs. */
export const openApiPage = (version: string): Page => ({
  file: "openapi.json",
  text: `${JSON.stringify(openApi(version), null, 2)}\n`,
});
