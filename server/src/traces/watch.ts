// Where spans come from in the server: requests, what each of them waited for in the pump, the
// appends that commit many of them together, and the scheduler's looks at the queue. The parts
// themselves know nothing of it.
import type { Store } from "@tequio/stores";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Pump } from "../pump.ts";
import { parseTraceparent, type SpanPlace, traceparentOf } from "./traceparent.ts";
import { spanNowMs, type Traces } from "./traces.ts";

/** Requests to which one append is linked; a commit may hold thousands. */
const LINKS_MAX = 32;
const SERVER_ERROR = 500;

const places = new WeakMap<
  FastifyRequest,
  { readonly place: SpanPlace; readonly startMs: number }
>();

/** Which trace a job belongs to that this request submits. A client's is passed on even when
 * nothing is recorded here. */
export function traceparentFor(request: FastifyRequest): string | undefined {
  const own = places.get(request)?.place;
  if (own?.sampled === true) return traceparentOf(own);
  const given = parseTraceparent(request.headers.traceparent);
  return given === undefined ? undefined : traceparentOf(given);
}

/** Records a span for each answer. Only the pattern of an address is told, never its query. */
export function registerTraces(app: FastifyInstance, traces: Traces): void {
  if (!traces.on) return;
  app.addHook("onRequest", (request, _reply, done) => {
    const place = traces.begin(parseTraceparent(request.headers.traceparent));
    places.set(request, { place, startMs: spanNowMs() });
    done();
  });
  app.addHook("preHandler", (request, _reply, done) => {
    const place = places.get(request)?.place;
    if (place === undefined) done();
    else traces.within(place, done);
  });
  app.addHook("onResponse", (request, reply, done) => {
    const begun = places.get(request);
    if (begun !== undefined) {
      const { method, routeOptions, id } = request;
      const route = routeOptions.url ?? "unknown";
      traces.record(begun.place, {
        ...{ name: `${method} ${route}`, kind: "server", startMs: begun.startMs },
        endMs: spanNowMs(),
        parent: parseTraceparent(request.headers.traceparent),
        attributes: {
          ...{ "http.request.method": method, "http.route": route },
          ...{ "http.response.status_code": reply.statusCode, "tequio.request.id": id },
        },
        failed: reply.statusCode >= SERVER_ERROR,
      });
    }
    done();
  });
}

/** Spans of requests that wait for a commit. */
export type Waiting = Set<SpanPlace>;

/** The pump, with a span for what each request waited for: the decision and its commit. */
export function tracedPump(pump: Pump, traces: Traces, waiting: Waiting): Pump {
  if (!traces.on) return pump;
  return {
    get state() {
      return pump.state;
    },
    get plan() {
      return pump.plan;
    },
    get durableSeq() {
      return pump.durableSeq;
    },
    onCommitted: (listener) => pump.onCommitted(listener),
    close: () => pump.close(),
    async submit(input) {
      const parent = traces.active();
      if (parent?.sampled !== true) return pump.submit(input);
      const place = traces.begin(parent);
      const startMs = spanNowMs();
      waiting.add(place);
      const outcome = await pump.submit(input);
      waiting.delete(place);
      const result = outcome.ok ? "ok" : outcome.code;
      const attributes = { "tequio.input": input.type, "tequio.result": result };
      traces.record(place, {
        name: "pump.submit",
        parent,
        startMs,
        endMs: spanNowMs(),
        attributes,
      });
      return outcome;
    },
  };
}

/** The store, with a span for each append of the journal, linked to requests that waited for it. */
export function tracedStore(store: Store, traces: Traces, waiting: Waiting): Store {
  if (!traces.on) return store;
  const append: Store["journal"]["append"] = async (expectedSeq, records) => {
    const place = traces.begin();
    const links = [...waiting].slice(0, LINKS_MAX);
    const startMs = spanNowMs();
    const written = await store.journal.append(expectedSeq, records);
    traces.record(place, {
      ...{ name: "journal.append", startMs, endMs: spanNowMs(), links, failed: !written.ok },
      attributes: {
        "tequio.records": records.length,
        "tequio.result": written.ok ? "ok" : written.code,
      },
    });
    return written;
  };
  const journal = new Proxy(store.journal, {
    get(of, key) {
      if (key === "append") return append;
      const value: unknown = Reflect.get(of, key, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
  return new Proxy(store, {
    get(of, key) {
      if (key === "journal") return journal;
      const value: unknown = Reflect.get(of, key, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}

/** A span for a look of the scheduler that just ended. */
export function tracePass(traces: Traces, ms: number): void {
  if (!traces.on) return;
  const endMs = spanNowMs();
  traces.record(traces.begin(), {
    ...{ name: "scheduler.pass", startMs: endMs - ms, endMs, attributes: {} },
  });
}
