// Traces as the parts of the server know them: a span gets its place when it begins, so that others
// can lie below it, and is recorded when it is over. Off unless the operator asks; what is recorded
// holds ids of this pool and figures, never a name, a command, an address or a token.
import type { SpanPlace } from "./traceparent.ts";

export interface RecordedSpan {
  readonly name: string;
  /** `server`: answers somebody from outside; `producer`: gives work to another program. */
  readonly kind?: "server" | "producer";
  /** Milliseconds since 1970, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly parent?: SpanPlace | undefined;
  /** Spans of other traces that it has to do with. */
  readonly links?: readonly SpanPlace[];
  readonly failed?: boolean;
}

export interface Traces {
  readonly on: boolean;
  /** The place of a span that begins now: below a parent, or at the root of a trace of its own,
   * which is sampled or not. */
  readonly begin: (parent?: SpanPlace) => SpanPlace;
  /** Takes a span that is over; nothing happens when its trace is not sampled. */
  readonly record: (place: SpanPlace, span: RecordedSpan) => void;
  /** The request that is being answered; undefined outside of one. */
  readonly active: () => SpanPlace | undefined;
  /** Runs an answer's work under its request's place. */
  readonly within: (place: SpanPlace, work: () => void) => void;
  /** Sends what waits. */
  readonly close: () => Promise<void>;
}

const NOWHERE: SpanPlace = { traceId: "0".repeat(32), spanId: "0".repeat(16), sampled: false };

/** Nothing is recorded. */
export const NO_TRACES: Traces = {
  on: false,
  begin: () => NOWHERE,
  record: () => {},
  active: () => undefined,
  within: (_, work) => work(),
  close: async () => {},
};

/** Now, for spans: milliseconds since 1970 with fractions. */
export const spanNowMs = (): number => performance.timeOrigin + performance.now();
