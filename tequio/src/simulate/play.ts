// Finds out what kind of trace it is and has it played.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Report } from "@tequio/core/simulator";
import { readText } from "./files.ts";
import { simulateFlow } from "./flow.ts";
import { simulatePlacement } from "./placement.ts";
import type { Ports, SimulateRequest, TraceFormat } from "./request.ts";
import { simulateRounds } from "./rounds.ts";

/** Plays what was asked for; refuses what cannot be read. */
export async function simulate(request: SimulateRequest, ports: Ports): Promise<Outcome<Report>> {
  const { onProgress } = ports;
  if (request.generate !== undefined) {
    return simulateFlow(request, { format: "generate", text: "" }, ports);
  }
  if (request.store !== undefined) {
    return simulateFlow(request, { format: "journal", text: "" }, ports);
  }
  onProgress(`reading ${request.traceSaid}`, 0, 0);
  const read = readText(request.trace ?? "", "a trace");
  if (!read.ok) return read;
  const text = read.value;
  const format = request.format === undefined ? detect(text) : ok(request.format);
  if (!format.ok) return format;
  if (format.value === "gavel") return simulateRounds(request, text, onProgress);
  if (format.value === "openb") return simulatePlacement(request, text, onProgress);
  return simulateFlow(request, { format: format.value, text }, ports);
}

const HEADERS: readonly (readonly [TraceFormat, RegExp])[] = [
  ["philly", /^timestamp,duration,num_gpus/],
  ["gavel", /^(job_type,total_steps|job_id,job_type)/],
  ["openb", /^name,cpu_milli,memory_mib/],
  ["swf", /^\s*(;|-?\d+(\s+-?[\d.]+){17}\s*$)/],
];

/** Tells the format by the first line that is not empty. */
export function detect(text: string): Outcome<TraceFormat> {
  const start = text
    .slice(0, DETECT_CHARACTERS)
    .replace(/^\uFEFF/, "")
    .trimStart();
  const first = start.split(/\r?\n/)[0] ?? "";
  const found = HEADERS.find(([, header]) => header.test(first));
  if (found !== undefined) return ok(found[0]);
  return refuse(
    "INVALID_REQUEST",
    `The trace is of no format that is known: it begins ${JSON.stringify(first.slice(0, 60))}.`,
    "Name it with --format: openb, philly, gavel, swf or journal.",
    "line 1",
  );
}
/** Enough for any header. */
const DETECT_CHARACTERS = 4_096;
