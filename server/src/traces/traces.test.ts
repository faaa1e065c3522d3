// Traces as a collector receives them: a real OTLP receiver over HTTP takes what a control plane
// sends, and the test looks at whose child each span is and at what is told.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import fc from "fast-check";
import { ended, makeSite } from "../testing/agent.ts";
import { good, startServer, until } from "../testing/setup.ts";
import { isSampled, openTraces, tracesUrl } from "./otlp.ts";
import { parseTraceparent, traceparentOf } from "./traceparent.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  readonly links?: readonly { readonly spanId: string }[];
}

interface Body {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

/** A collector that keeps every span. */
async function collector(t: TestContext) {
  const spans: Span[] = [];
  const texts: string[] = [];
  const server = createServer((request, reply) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      assert.equal(request.url, "/v1/traces");
      texts.push(text);
      const { resourceSpans } = JSON.parse(text) as Body;
      for (const { scopeSpans } of resourceSpans)
        for (const scope of scopeSpans) spans.push(...scope.spans);
      reply.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { spans, endpoint, all: () => texts.join("\n") };
}

async function traced(t: TestContext, ratio: number) {
  const { spans, endpoint, all } = await collector(t);
  const options = { endpoint, ratio, version: "0.0.0", instanceId: "test", say: () => {} };
  const traces = good(await openTraces(options));
  const server = await startServer(t, good(await openMemoryStore()), { traces });
  return { spans, all, server };
}

const attributeOf = ({ attributes }: Span, key: string): unknown =>
  Object.values(attributes.find((one) => one.key === key)?.value ?? {})[0];

const CLIENT = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
const SECRET = "hunter2-in-the-environment";

test("a job's life is a trace below its client's span, and tells nothing private", async (t) => {
  const { spans, all, server } = await traced(t, 0);
  const { agent } = await makeSite(t, server, "secretive-university");
  const submitted = await server.http("/v1/jobs", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      traceparent: traceparentOf({ ...CLIENT, sampled: true }),
    },
    body: JSON.stringify({ shell: "echo my-private-command", env: { PASSWORD: SECRET } }),
  });
  const { id } = (await submitted.json()) as { id: string };
  const order = await agent.order(id);
  agent.report(order, { kind: "running" });
  let told = false;
  server.server.pump.onCommitted((events) => {
    told ||= events.some(({ event }) => event.type === "job.ended");
  });
  agent.report(order, ended(0));
  await until("the job is over", () => told);
  await server.server.close();

  const named = (name: string): Span => {
    const found = spans.filter((span) => span.name === name && attributeOf(span, "tequio.job.id"));
    assert.equal(found.length, 1, `one span ${name}`);
    return found[0]!;
  };
  const request = spans.find(({ name }) => name === "POST /v1/jobs")!;
  assert.deepEqual([request.traceId, request.parentSpanId], [CLIENT.traceId, CLIENT.spanId]);
  assert.equal(attributeOf(request, "http.response.status_code"), 201);
  const pump = spans.find((span) => attributeOf(span, "tequio.input") === "submit")!;
  assert.deepEqual([pump.traceId, pump.parentSpanId], [CLIENT.traceId, request.spanId]);
  const job = named("job");
  assert.deepEqual([job.traceId, job.parentSpanId], [CLIENT.traceId, request.spanId]);
  assert.equal(attributeOf(job, "tequio.job.id"), id);
  const stretches = ["job.queued", "job.leased", "job.running"].map(named);
  for (const span of [...stretches, named("lease.order")]) {
    assert.deepEqual([span.traceId, span.parentSpanId], [CLIENT.traceId, job.spanId], span.name);
  }
  const times = stretches.flatMap((span) => [span.startTimeUnixNano, span.endTimeUnixNano]);
  const inOrder = [...times].sort((a, b) => Number(BigInt(a) - BigInt(b)));
  assert.deepEqual(times, inOrder, "queued, then leased, then running");

  const env = order.start?.tasks[0]?.env ?? {};
  const carried = parseTraceparent(env.TRACEPARENT);
  assert.deepEqual(carried, {
    traceId: CLIENT.traceId,
    spanId: named("job.running").spanId,
    sampled: true,
  });
  const sent = all();
  for (const secret of [SECRET, "my-private-command", server.token, "secretive-university"]) {
    assert.ok(!sent.includes(secret), `${secret} is told`);
  }
});

test("appends are linked to the requests that waited for them, and passes are seen", async (t) => {
  const { spans, server } = await traced(t, 1);
  good(await server.client.call("createProject", { body: { name: "linked" } }));
  await server.server.close();
  const waited = spans.find((span) => attributeOf(span, "tequio.input") === "setProject")!;
  const appends = spans.filter(({ name }) => name === "journal.append");
  assert.ok(appends.some(({ links }) => links?.some(({ spanId }) => spanId === waited.spanId)));
  assert.ok(spans.some(({ name }) => name === "scheduler.pass"));
});

test("a trace that is not sampled sends nothing, and its job still carries it", async (t) => {
  const { spans, server } = await traced(t, 0);
  const { agent } = await makeSite(t, server, "alice");
  const traceparent = traceparentOf({ ...CLIENT, sampled: false });
  const submitted = await server.http("/v1/jobs", {
    method: "POST",
    headers: { "content-type": "application/json", traceparent },
    body: JSON.stringify({ shell: "true" }),
  });
  const { id } = (await submitted.json()) as { id: string };
  const order = await agent.order(id);
  const carried = parseTraceparent(order.start?.tasks[0]?.env.TRACEPARENT);
  assert.deepEqual([carried?.traceId, carried?.sampled], [CLIENT.traceId, false]);
  await server.server.close();
  assert.deepEqual(spans, []);
});

test("without traces a client's trace is handed to its job, and none is made", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()));
  const { agent } = await makeSite(t, server, "alice");
  const plain = good(await server.client.call("submitJob", { body: { shell: "true" } }));
  const order = await agent.order(plain.id);
  assert.equal(order.start?.tasks[0]?.env.TRACEPARENT, undefined);
  const traceparent = traceparentOf({ ...CLIENT, sampled: true });
  const submitted = await server.http("/v1/jobs", {
    method: "POST",
    headers: { "content-type": "application/json", traceparent },
    body: JSON.stringify({ shell: "true" }),
  });
  const { id } = (await submitted.json()) as { id: string };
  const carried = parseTraceparent((await agent.order(id)).start?.tasks[0]?.env.TRACEPARENT);
  assert.equal(carried?.traceId, CLIENT.traceId);
});

test("only what the standard allows is read as a trace", () => {
  const hex = (length: number) =>
    fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length });
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (trace, span, sampled) => {
      const place = { traceId: trace.join(""), spanId: span.join(""), sampled };
      const zero = /^0+$/.test(place.traceId) || /^0+$/.test(place.spanId);
      assert.deepEqual(parseTraceparent(traceparentOf(place)), zero ? undefined : place);
    }),
  );
  const good = traceparentOf({ ...CLIENT, sampled: true });
  for (const bad of ["", good.toUpperCase(), `${good}-x`, good.replace("00-", "ff-"), 7, null]) {
    assert.equal(parseTraceparent(bad), undefined);
  }
});

test("the share of traces begun here is the operator's, and addresses hold no password", () => {
  const ids = Array.from({ length: 4_096 }, (_, i) =>
    (i * 1_048_576).toString(16).padStart(8, "0"),
  );
  assert.equal(ids.filter((id) => isSampled(id, 0.25)).length, 1_024);
  assert.equal(ids.filter((id) => isSampled(id, 0)).length, 0);
  assert.equal(ids.filter((id) => isSampled(id, 1)).length, 4_096);
  assert.equal(tracesUrl("http://c:4318/"), "http://c:4318/v1/traces");
  assert.equal(tracesUrl("https://c/v1/traces"), "https://c/v1/traces");
  for (const bad of ["c:4318", "ftp://c", "http://u:p@c"]) assert.equal(tracesUrl(bad), undefined);
});
