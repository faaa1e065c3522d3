// openapi.json from the endpoint table: OpenAPI 3.1, whose schemas are JSON Schema 2020-12.
import { z } from "zod";
import type { Caller, Endpoint } from "./endpoint.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { Problem } from "./primitives.ts";
import { STREAM_ENDPOINTS } from "./streams.ts";

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: "input" | "output"): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  return rest;
};

/** A browser's session is as good as a token, where persons may ask. */
const security = (callers: readonly Caller[]): Json[] => {
  if (callers.includes("anyone")) return [];
  return callers.includes("person") ? [{ bearer: [] }, { session: [] }] : [{ bearer: [] }];
};

function parameters(endpoint: Endpoint): Json[] {
  const list: Json[] = [];
  for (const [place, schema] of [
    ["path", endpoint.params],
    ["query", endpoint.query],
  ] as const) {
    if (schema === undefined) continue;
    const shape = schemaOf(schema, "input") as { properties?: Json; required?: string[] };
    for (const [name, value] of Object.entries(shape.properties ?? {})) {
      const required = place === "path" || (shape.required ?? []).includes(name);
      list.push({ name, in: place, required, schema: value });
    }
  }
  if (endpoint.idempotent === true) {
    const schema = { type: "string", maxLength: 200 };
    list.push({ name: "Idempotency-Key", in: "header", required: false, schema });
  }
  return list;
}

const needs = ({ permission }: Endpoint): string =>
  permission === null ? "" : ` A person needs the permission ${permission}.`;

function operation(name: string, endpoint: Endpoint): Json {
  const problem = { content: { "application/json": { schema: schemaOf(Problem, "output") } } };
  const reply = { "application/json": { schema: schemaOf(endpoint.reply, "output") } };
  const base: Json = {
    operationId: name,
    summary: endpoint.summary,
    description: `May be called with: ${endpoint.callers.join(", ")}.${needs(endpoint)}`,
    security: security(endpoint.callers),
    parameters: parameters(endpoint),
    responses: {
      [String(endpoint.status ?? 200)]: { description: "Done.", content: reply },
      default: { description: "Refused, with a code and a hint.", ...problem },
    },
  };
  if (endpoint.body === undefined) return base;
  const content = { "application/json": { schema: schemaOf(endpoint.body, "input") } };
  return { ...base, requestBody: { required: true, content } };
}

/** The OpenAPI 3.1 document of this version. */
export function openApi(version: string): Json {
  const paths: Record<string, Json> = {};
  const add = (path: string, method: string, value: Json) => {
    const key = path.replace(/:(\w+)/g, "{$1}");
    paths[key] = { ...paths[key], [method.toLowerCase()]: value };
  };
  for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
    add(endpoint.path, endpoint.method, operation(name, endpoint));
  }
  for (const stream of STREAM_ENDPOINTS) {
    const names = [...stream.path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
    add(stream.path, stream.method, {
      summary: `${stream.method} ${stream.path} (not JSON; see the reference)`,
      security: security(stream.callers),
      parameters: names.map((name) => ({
        name,
        in: "path",
        required: true,
        schema: { type: "string" },
      })),
      responses: { default: { description: "See docs/reference/api.md." } },
    });
  }
  return {
    openapi: "3.1.0",
    info: { title: "Tequio", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        session: { type: "apiKey", in: "cookie", name: "tequio-session" },
      },
    },
  };
}
