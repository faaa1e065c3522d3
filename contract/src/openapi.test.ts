// Tests of the OpenAPI document: complete, and nothing in it points nowhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENDPOINTS, type Endpoint, openApi, STREAM_ENDPOINTS } from "./index.ts";

type Json = Record<string, unknown>;
interface Operation {
  readonly operationId?: string;
  readonly security: readonly Json[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
  }[];
  readonly requestBody?: unknown;
  readonly responses: Json;
}

const document = openApi("1.2.3") as Json & { paths: Record<string, Record<string, Operation>> };
const pathOf = (path: string): string => path.replace(/:(\w+)/g, "{$1}");

function* values(value: unknown, key = ""): Generator<readonly [string, unknown]> {
  yield [key, value];
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) yield* values(inner, name);
}

/** What a reference such as `#/components/schemas/Job` points to. */
function resolve(ref: string): unknown {
  assert.ok(ref.startsWith("#/"), `${ref} stays in the document`);
  let at: unknown = document;
  for (const part of ref.slice(2).split("/")) {
    at = (at as Json | undefined)?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return at;
}

test("the document names its version and its own form", () => {
  assert.equal(document.openapi, "3.1.0");
  assert.equal((document.info as Json).version, "1.2.3");
  assert.deepEqual(JSON.parse(JSON.stringify(document)), document, "it is plain JSON");
});

test("every endpoint is there, with its method, id, reply and body", () => {
  for (const [name, endpoint] of Object.entries(ENDPOINTS) as [string, Endpoint][]) {
    const operation = document.paths[pathOf(endpoint.path)]?.[endpoint.method.toLowerCase()];
    assert.ok(operation !== undefined, name);
    assert.equal(operation.operationId, name);
    assert.ok(String(endpoint.status ?? 200) in operation.responses, name);
    assert.ok("default" in operation.responses, `${name} may be refused`);
    assert.equal(operation.requestBody !== undefined, endpoint.body !== undefined, name);
    const open = endpoint.callers.includes("anyone");
    assert.equal(operation.security.length === 0, open, `${name} asks for a token`);
  }
  for (const { method, path } of STREAM_ENDPOINTS) {
    assert.ok(document.paths[pathOf(path)]?.[method.toLowerCase()] !== undefined, path);
  }
});

test("operation ids and paths are unique", () => {
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const ids = operations.flatMap(({ operationId }) => operationId ?? []);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(operations.length, Object.keys(ENDPOINTS).length + STREAM_ENDPOINTS.length);
});

test("every parameter of a path is declared, and no other", () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
    for (const [method, { parameters }] of Object.entries(methods)) {
      const declared = parameters.filter((one) => one.in === "path");
      assert.deepEqual(declared.map(({ name }) => name).toSorted(), named.toSorted(), path);
      assert.ok(
        declared.every(({ required }) => required),
        `${method} ${path}`,
      );
    }
  }
});

test("every reference resolves, and every security scheme is declared", () => {
  const schemes = (document.components as { securitySchemes: Json }).securitySchemes;
  for (const [key, value] of values(document)) {
    if (key === "$ref") assert.ok(resolve(String(value)) !== undefined, String(value));
    if (key === "security") {
      for (const one of value as Json[]) {
        for (const name of Object.keys(one)) assert.ok(name in schemes, name);
      }
    }
  }
});

test("an endpoint that takes an idempotency key says so", () => {
  const { parameters } = document.paths["/v1/jobs"]!.post!;
  assert.ok(parameters.some((one) => one.in === "header" && one.name === "Idempotency-Key"));
});

test("no shape allows fields that it does not name, unless it is a map", () => {
  let objects = 0;
  for (const [, value] of values(document)) {
    const schema = value as Json | null;
    if (typeof schema !== "object" || schema === null || schema.type !== "object") continue;
    objects += 1;
    assert.ok(
      "additionalProperties" in schema || !("properties" in schema),
      JSON.stringify(schema),
    );
  }
  assert.ok(objects > 50, `${objects} shapes`);
});
