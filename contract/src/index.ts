// Wire shapes, once: validation, OpenAPI, the typed client and the parsers are made from them.
export * from "./client.ts";
export * from "./endpoint.ts";
export * from "./endpoints.ts";
export * from "./gateway.ts";
export * from "./job.ts";
export * from "./openapi.ts";
export * from "./parse.ts";
export * from "./people.ts";
export * from "./pool.ts";
export * from "./primitives.ts";
export * from "./run.ts";
export * from "./spec.ts";
export * from "./streams.ts";
export * from "./tokens.ts";
