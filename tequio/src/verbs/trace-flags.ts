// The flags of `tequio up` that turn traces on and say where they go. OpenTelemetry's own variable
// is only looked at when the operator asks for traces: a shell that has it set sends nothing else.
import { badValue, type Command } from "@tequio/cli";
import { type Outcome, ok, refuse } from "@tequio/core/pool";

export interface TraceFlags {
  readonly traces?: true;
  readonly otlpEndpoint?: string;
  readonly traceRatio: number;
}

/** Where traces go, and which share of them. */
export interface TraceSettings {
  readonly endpoint: string;
  readonly ratio: number;
}

/** Where a collector on the same machine listens for OTLP over HTTP. */
const ENDPOINT_DEFAULT = "http://127.0.0.1:4318";

/** Reads a share from 0 to 1. */
function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw badValue("Give a share from 0 to 1, e.g. 0.05.");
}

/** Adds the flags. */
export const addTraceFlags = (command: Command): Command =>
  command
    .option("--otlp-endpoint <url>", "Send OpenTelemetry traces to this collector (OTLP over HTTP)")
    .option(
      "--traces",
      "Send traces to OTEL_EXPORTER_OTLP_ENDPOINT, or to this machine's port 4318",
    )
    .option(
      "--trace-ratio <share>",
      "Share of the traces begun here that are sent, 0 to 1",
      share,
      1,
    );

/** What the flags ask for; nothing without one of them. Refuses USAGE. */
export function tracesOf(
  { traces, otlpEndpoint, traceRatio }: TraceFlags,
  env: NodeJS.ProcessEnv,
): Outcome<TraceSettings | undefined> {
  if (traces === undefined && otlpEndpoint === undefined) return ok(undefined);
  const endpoint = otlpEndpoint ?? env.OTEL_EXPORTER_OTLP_ENDPOINT ?? ENDPOINT_DEFAULT;
  if (URL.canParse(endpoint) && /^https?:/.test(endpoint)) {
    return ok({ endpoint, ratio: traceRatio });
  }
  const hint = "Write http://HOST:4318.";
  return refuse("USAGE", "The address of the collector is none.", hint);
}
