// The header and environment variable that carry a trace from one program to the next: W3C Trace
// Context, https://www.w3.org/TR/trace-context/#traceparent-header. Nothing else of a request is
// believed: a trace says who belongs together, never who somebody is.

/** A span in its trace. */
export interface SpanPlace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether the trace is recorded. */
  readonly sampled: boolean;
}

const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const SAMPLED = 1;

/** The place that a text names; undefined for one that the standard does not allow. */
export function parseTraceparent(text: unknown): SpanPlace | undefined {
  const found = typeof text === "string" ? FORM.exec(text) : null;
  const [, traceId, spanId, flags] = found ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The text of a place. */
export const traceparentOf = ({ traceId, spanId, sampled }: SpanPlace): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
