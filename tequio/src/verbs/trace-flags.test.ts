// When traces are sent, and where: only for an operator who asks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tracesOf } from "./trace-flags.ts";

const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

test("nothing is traced without a flag, whatever the environment says", () => {
  assert.deepEqual(tracesOf({ traceRatio: 1 }, env), { ok: true, value: undefined });
});

test("the flag's address goes before the environment's, and that before this machine's", () => {
  const endpointOf = (flags: object, variables: NodeJS.ProcessEnv): unknown => {
    const found = tracesOf({ traceRatio: 0.5, ...flags }, variables);
    return found.ok && found.value;
  };
  const ratio = 0.5;
  assert.deepEqual(endpointOf({ otlpEndpoint: "http://mine:1" }, env), {
    endpoint: "http://mine:1",
    ratio,
  });
  assert.deepEqual(endpointOf({ traces: true }, env), { endpoint: "http://collector:4318", ratio });
  assert.deepEqual(endpointOf({ traces: true }, {}), { endpoint: "http://127.0.0.1:4318", ratio });
});

test("an address that is none is refused", () => {
  for (const otlpEndpoint of ["collector", "ftp://x"]) {
    const refused = tracesOf({ traceRatio: 1, otlpEndpoint }, {});
    assert.equal(!refused.ok && refused.code, "USAGE");
  }
});
