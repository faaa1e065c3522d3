// Traces for real: OpenTelemetry's SDK, loaded when an operator asks for them and not before, with
// spans sent in batches as OTLP over HTTP. A collector that does not answer costs spans and a line
// in the log from time to time, never a request.
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Say } from "../ports.ts";
import type { SpanPlace } from "./traceparent.ts";
import type { RecordedSpan, Traces } from "./traces.ts";

export interface TraceOptions {
  /** Address of a collector, e.g. `http://127.0.0.1:4318`; `/v1/traces` is put behind it. */
  readonly endpoint: string;
  /** Share of the traces that begin here and are recorded, 0 to 1. Those of clients bring their
   * own decision. */
  readonly ratio: number;
  readonly version: string;
  /** Tells control planes of one pool apart. */
  readonly instanceId: string;
  readonly say: Say;
}

/** Spans that wait for the collector, about 1 kB each; what comes beyond is thrown away. */
const QUEUE_SPANS_MAX = 8_192;
const BATCH_SPANS_MAX = 1_024;
const SEND_EVERY_MS = 2_000;
/** A collector that has not answered by then is away. */
const SEND_MS = 10_000;
/** Between two lines about a collector that takes nothing. */
const SAY_EVERY_MS = 60_000;
const TRACE_BYTES = 16;
const SPAN_BYTES = 8;
/** Drawn from the first 32 bits of the trace's id: all who see the id agree. */
const DRAW_DIGITS = 8;
const DRAW_MAX = 2 ** 32;
/** Numbers of OpenTelemetry's enums: kinds of spans, and the status of a failed one. */
const KIND = { internal: 0, server: 1, producer: 3 } as const;
const FAILED = 2;

/** True if a trace that begins here is recorded. */
export const isSampled = (traceId: string, ratio: number): boolean =>
  Number.parseInt(traceId.slice(0, DRAW_DIGITS), 16) < ratio * DRAW_MAX;

/** The address to which spans are sent. */
export function tracesUrl(endpoint: string): string | undefined {
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username !== "" || url.password !== "") return undefined;
  const base = endpoint.replace(/\/+$/, "");
  return base.endsWith("/v1/traces") ? base : `${base}/v1/traces`;
}

/** Loads the SDK and begins. Refuses USAGE for an address that is none. */
export async function openTraces(options: TraceOptions): Promise<Outcome<Traces>> {
  const url = tracesUrl(options.endpoint);
  if (url === undefined) {
    const hint = "Write http://HOST:4318; secrets go into OTEL_EXPORTER_OTLP_HEADERS.";
    return refuse("USAGE", "The address of the collector cannot be read.", hint);
  }
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  // The exporter comes with a newer SDK's types; what it reads of a span is the same.
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: SEND_MS }) as unknown;
  const processor = new sdk.BatchSpanProcessor(outspoken(exporter as SpanExporter, options.say), {
    maxQueueSize: QUEUE_SPANS_MAX,
    maxExportBatchSize: BATCH_SPANS_MAX,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_MS,
  });
  let next: SpanPlace = { traceId: "", spanId: "", sampled: false };
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({
      "service.name": "tequio",
      "service.version": options.version,
      "service.instance.id": options.instanceId,
    }),
    spanProcessors: [processor],
    // Places are given out before spans are recorded: here they get the ids of their places.
    idGenerator: { generateTraceId: () => next.traceId, generateSpanId: () => next.spanId },
    sampler: new sdk.AlwaysOnSampler(),
  });
  const tracer = provider.getTracer("tequio", options.version);
  const contextOf = ({ traceId, spanId }: SpanPlace) => ({ traceId, spanId, traceFlags: 1 });
  const record = (place: SpanPlace, span: RecordedSpan): void => {
    if (!place.sampled) return;
    next = place;
    const { parent, kind = "internal", links = [] } = span;
    const under =
      parent === undefined
        ? api.ROOT_CONTEXT
        : api.trace.setSpanContext(api.ROOT_CONTEXT, contextOf(parent));
    const settings = {
      ...{ kind: KIND[kind], startTime: span.startMs, attributes: { ...span.attributes } },
      links: links.map((link) => ({ context: contextOf(link) })),
    };
    const made = tracer.startSpan(span.name, settings, under);
    if (span.failed === true) made.setStatus({ code: FAILED });
    made.end(Math.max(span.startMs, span.endMs));
  };
  const requests = new AsyncLocalStorage<SpanPlace>();
  return ok({
    on: true,
    begin: (parent) => beginAt(parent, options.ratio),
    record,
    active: () => requests.getStore(),
    within: (place, work) => requests.run(place, work),
    close: () => provider.shutdown(),
  });
}

function beginAt(parent: SpanPlace | undefined, ratio: number): SpanPlace {
  const spanId = randomBytes(SPAN_BYTES).toString("hex");
  if (parent !== undefined) return { ...parent, spanId };
  const traceId = randomBytes(TRACE_BYTES).toString("hex");
  return { traceId, spanId, sampled: isSampled(traceId, ratio) };
}

/** The exporter, whose failures the operator hears of. */
function outspoken(exporter: SpanExporter, say: Say): SpanExporter {
  let saidMs = Number.NEGATIVE_INFINITY;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const quiet = performance.now() - saidMs < SAY_EVERY_MS;
        if (result.code !== 0 && !quiet) {
          saidMs = performance.now();
          const why = result.error?.message ?? "no reason was given";
          say("warn", "The collector takes no traces.", { why, lost: spans.length });
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
